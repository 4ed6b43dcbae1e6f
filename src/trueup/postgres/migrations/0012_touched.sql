-- What was changed in the catalogue and nobody has looked at yet. Filled by triggers on the
-- catalogue where they were asked for (`trueup db upgrade --watch`); without them it stays empty.
--
-- A row per product and not one per change, as far as that costs the writer no wait: two that note
-- the same product at one moment leave two. An empty id stands for more than are worth naming.
create table trueup.touched (
    seq bigint generated always as identity primary key,
    id  text not null,
    at  timestamptz not null default clock_timestamp()
);
create index touched_by_id on trueup.touched (id);
alter table trueup.touched enable row level security;

-- Notes these products and tells whoever listens, when the writer commits. It never waits for
-- anybody, and in a serializable transaction it reads nothing that could make it fail.
create function trueup.touch(p_ids text[]) returns void
language plpgsql as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        -- A row that stays locked until this writer commits will not be taken before; one that is
        -- being taken right now is not good enough.
        insert into trueup.touched (id)
        select asked.id from unnest(p_ids) as asked (id)
        where not exists (select from trueup.touched as known
                          where known.id = asked.id for key share skip locked);
    else
        insert into trueup.touched (id) select unnest(p_ids);
    end if;
    -- A transaction that has notified cannot be prepared for a two-phase commit: where those are
    -- in use nobody is told, and whoever looks now and then finds the rows.
    if current_setting('max_prepared_transactions') = '0' then
        perform pg_notify('trueup_touched', '');
    end if;
end $$;
revoke all on function trueup.touch from public;
