-- name: people
select person_id, login, name, role, standing, created_at, seen_at from trueup.person
order by lower(name), person_id

-- name: person
select person_id, login, name, role, standing, created_at, seen_at from trueup.person
where person_id = %(person_id)s

-- name: by_login
select person_id, login, name, role, standing, created_at, seen_at from trueup.person
where lower(login) = lower(%(login)s)

-- name: password
select password_hash from trueup.person where person_id = %(person_id)s and standing = 'active'

-- name: at_the_door
select person_id, login, name, role, standing, created_at, seen_at,
       case when standing = 'active' then password_hash end as password_hash
from trueup.person where lower(login) = lower(%(login)s)

-- name: vouched
select person_id, login, name, role, standing, created_at, seen_at from trueup.person
where issuer = %(issuer)s and subject = %(subject)s

-- name: admit
insert into trueup.person (login, name, role, standing, issuer, subject)
values (%(login)s, %(name)s, %(role)s, 'active', %(issuer)s, %(subject)s)
on conflict do nothing
returning person_id, login, name, role, standing, created_at, seen_at

-- name: one_at_a_time
select pg_advisory_xact_lock(hashtext('trueup.person'))

-- name: add
insert into trueup.person (login, name, role) values (%(login)s, %(name)s, %(role)s)
on conflict do nothing
returning person_id, login, name, role, standing, created_at, seen_at

-- name: change
update trueup.person
set role = coalesce(%(role)s, role), standing = coalesce(%(standing)s, standing)
where person_id = %(person_id)s
returning person_id, login, name, role, standing, created_at, seen_at

-- name: last_admin
select role = 'admin' and not exists (
    select from trueup.person as other
    where other.role = 'admin' and other.standing = 'active' and other.person_id <> %(person_id)s
) as last
from trueup.person where person_id = %(person_id)s

-- name: invite
with older as (delete from trueup.invitation where person_id = %(person_id)s)
insert into trueup.invitation (digest, person_id, expires_at)
values (%(digest)s, %(person_id)s, clock_timestamp() + make_interval(secs => %(seconds)s::float8))

-- name: invited
select person_id, login, name, role, standing, created_at, seen_at
from trueup.person join trueup.invitation using (person_id)
where digest = %(digest)s and expires_at > clock_timestamp() and standing <> 'disabled'

-- name: accept
with used as (
    delete from trueup.invitation
    where digest = %(digest)s and expires_at > clock_timestamp()
    returning person_id
), closed as (
    -- Whoever knew the old password is out.
    delete from trueup.web_session where person_id in (select person_id from used)
)
update trueup.person
set password_hash = %(password_hash)s, standing = 'active'
where person_id in (select person_id from used) and standing <> 'disabled'
returning person_id, login, name, role, standing, created_at, seen_at

-- name: reset
with closed as (
    delete from trueup.web_session where person_id = %(person_id)s
)
update trueup.person set password_hash = null, standing = 'invited'
where person_id = %(person_id)s
returning person_id, login, name, role, standing, created_at, seen_at

-- name: rehash
update trueup.person set password_hash = %(password_hash)s where person_id = %(person_id)s

-- name: open
with seen as (
    update trueup.person set seen_at = clock_timestamp() where person_id = %(person_id)s
)
insert into trueup.web_session (digest, person_id, expires_at, client)
values (%(digest)s, %(person_id)s,
        clock_timestamp() + make_interval(secs => %(seconds)s::float8), %(client)s)

-- name: whose
select person_id, login, name, role, standing, person.created_at, person.seen_at
from trueup.web_session as session join trueup.person using (person_id)
where digest = %(digest)s and standing = 'active' and expires_at > clock_timestamp()
  and session.seen_at > clock_timestamp() - make_interval(secs => %(idle)s::float8)

-- name: touch
with session as (
    update trueup.web_session set seen_at = clock_timestamp()
    where digest = %(digest)s and seen_at < clock_timestamp() - interval '1 minute'
    returning person_id
)
update trueup.person set seen_at = clock_timestamp() from session
where person.person_id = session.person_id

-- name: close
delete from trueup.web_session where digest = %(digest)s

-- name: close_all
delete from trueup.web_session
where person_id = %(person_id)s and digest is distinct from %(but)s::bytea

-- name: drop_links
delete from trueup.invitation where person_id = %(person_id)s

-- name: sessions
select created_at, seen_at, client, digest = %(digest)s as own from trueup.web_session
where person_id = %(person_id)s and expires_at > clock_timestamp()
  and seen_at > clock_timestamp() - make_interval(secs => %(idle)s::float8)
order by digest = %(digest)s desc, seen_at desc

-- name: sweep
with links as (delete from trueup.invitation where expires_at < clock_timestamp())
delete from trueup.web_session
where expires_at < clock_timestamp()
   or seen_at < clock_timestamp() - make_interval(secs => %(idle)s::float8)

-- name: note
insert into trueup.deed (who, via, workspace, action, subject, before, after, reason, request_id)
values (%(who)s, %(via)s, %(workspace)s, %(action)s, %(subject)s, %(before)s::jsonb,
        %(after)s::jsonb, %(reason)s, %(request_id)s)

-- name: deeds
select deed_id, at, who, action, subject, workspace, before, after, reason, via from trueup.deed
where (%(workspace)s::text is null or workspace in (%(workspace)s, ''))
  -- `2 changes of FIB-100, FIB-200` is about FIB-200, too, and not about FIB-20.
  and (%(subject)s::text is null
       or strpos(' ' || lower(translate(subject, ',', ' ')) || ' ',
                 ' ' || lower(translate(%(subject)s, ',', ' ')) || ' ') > 0)
  and (%(who)s::text is null or who = %(who)s)
  and (%(action)s::text is null or action = %(action)s)
  and (%(before)s::bigint is null or deed_id < %(before)s)
order by deed_id desc
limit %(limit)s

-- name: deed_words
select array(select distinct who from trueup.deed order by who) as who,
       array(select distinct action from trueup.deed order by action) as actions
