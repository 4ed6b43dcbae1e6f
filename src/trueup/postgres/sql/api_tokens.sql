-- name: all
select token_id, name, role, created_by, created_at, seen_at, expires_at, revoked_at
from trueup.api_token
order by revoked_at is not null, lower(name), token_id

-- name: add
insert into trueup.api_token (digest, name, role, created_by, expires_at)
select %(digest)s, %(name)s, %(role)s, %(created_by)s,
       clock_timestamp() + make_interval(secs => %(seconds)s::float8)
where not exists (
    -- Two programs of one name could not be told apart in the list of deeds.
    select from trueup.api_token
    where lower(name) = lower(%(name)s) and revoked_at is null
      and (expires_at is null or expires_at > clock_timestamp())
)
returning token_id, name, role, created_by, created_at, seen_at, expires_at, revoked_at

-- name: whose
select token_id, name, role, created_by, created_at, seen_at, expires_at, revoked_at, digest
from trueup.api_token
where digest = %(digest)s and revoked_at is null
  and (expires_at is null or expires_at > clock_timestamp())

-- name: touch
update trueup.api_token set seen_at = clock_timestamp()
where token_id = %(token_id)s
  and (seen_at is null or seen_at < clock_timestamp() - interval '1 minute')

-- name: revoke
update trueup.api_token set revoked_at = clock_timestamp()
where token_id = %(token_id)s and revoked_at is null
returning token_id, name, role, created_by, created_at, seen_at, expires_at, revoked_at
