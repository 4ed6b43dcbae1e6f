-- name: function
-- The limit on rows makes a change of a hundred thousand rows as cheap to note as one of two
-- hundred: who changes more than that has them all looked at.
create or replace function {function}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $noted$
declare
    v_ids text[];
begin
    if tg_op = 'INSERT' then
        v_ids := array(select ({id})::text from new_rows as {alias} limit {many});
    elsif tg_op = 'DELETE' then
        v_ids := array(select ({id})::text from old_rows as {alias} limit {many});
    elsif tg_op = 'UPDATE' then
        v_ids := array(select '' from new_rows limit {many});
        if cardinality(v_ids) < {many} then
            -- Rows as they were and as they are; one that is in both did not change.
            v_ids := array(
                with before as (
                    select ({id})::text as id, to_jsonb({alias}.*) - 'updated_at' as whole
                    from old_rows as {alias}
                ), after as (
                    select ({id})::text as id, to_jsonb({alias}.*) - 'updated_at' as whole
                    from new_rows as {alias}
                )
                select id from (table before except table after) as left_behind
                union
                select id from (table after except table before) as arrived);
        end if;
    end if;
    if v_ids is null or cardinality(v_ids) >= {many} then
        v_ids := array[''];
    end if;
    if cardinality(v_ids) > 0 then
        perform trueup.touch(array(select distinct coalesce(id, '') from unnest(v_ids) as id));
    end if;
    return null;
exception when others then
    -- The catalogue is not ours: whatever is wrong here, its writer is not kept from writing.
    raise warning 'trueup did not note a change of %.%: %', tg_table_schema, tg_table_name, sqlerrm;
    return null;
end $noted$

-- name: revoke
revoke all on function {function}() from public

-- name: insert
create or replace trigger trueup_noted_insert after insert on {table}
referencing new table as new_rows for each statement execute function {function}()

-- name: update
create or replace trigger trueup_noted_update after update on {table}
referencing old table as old_rows new table as new_rows
for each statement execute function {function}()

-- name: delete
create or replace trigger trueup_noted_delete after delete on {table}
referencing old table as old_rows for each statement execute function {function}()

-- name: truncate
create or replace trigger trueup_noted_truncate after truncate on {table}
for each statement execute function {function}()

-- name: remove
-- Whatever table the triggers are on, also one that is not configured any more.
drop function if exists trueup.note_catalogue() cascade;
drop function if exists trueup.note_dated_prices() cascade;

-- name: forget_all
delete from trueup.touched

-- name: installed
select made.tgrelid::bigint, made.tgrelid::regclass::text, called.proname::text
from pg_trigger as made
join pg_proc as called on called.oid = made.tgfoid
where called.pronamespace = to_regnamespace('trueup')
  and called.proname in ('note_catalogue', 'note_dated_prices')
  and made.tgenabled <> 'D'
group by 1, 2, 3
having count(*) = 4
order by 3, 2

-- name: relation
select known.oid::bigint, space.nspname::text, known.relname::text, known.relkind::text,
       has_table_privilege(known.oid, 'trigger'), current_user::text,
       pg_get_userbyid(known.relowner)::text
from pg_class as known
join pg_namespace as space on space.oid = known.relnamespace
where known.oid = to_regclass(%(name)s)

-- name: narrow
set local search_path = pg_catalog, pg_temp

-- name: look
select ({id})::text from {table} as {alias} limit 0

-- name: probe
select trueup.touch(array['probe'])

-- name: any
select exists (select from trueup.touched)

-- name: take
-- Not those of a writer that has not committed yet: it tells when it has.
select seq, id from trueup.touched
order by seq
limit %(most)s
for update skip locked

-- name: forget
delete from trueup.touched where seq = any(%(numbers)s::bigint[])

-- name: skus
select ({sku})::text from {table} where ({id}) = any(%(ids)s::uuid[])
