-- name: lock
-- Readers go on; a second verification waits, so that the chain has no forks.
lock table trueup.verification in exclusive mode

-- name: last
select coalesce((select hash from trueup.verification order by id desc limit 1), '')

-- name: append
insert into trueup.verification (at, products, agreeing, totals, rows_hash, previous, hash)
values (%(at)s, %(products)s, %(agreeing)s, %(totals)s, %(rows_hash)s, %(previous)s, %(hash)s)

-- name: number
select count(*) from trueup.verification

-- name: chain
select at, products, agreeing, totals::text, rows_hash, previous, hash
from trueup.verification
order by id
