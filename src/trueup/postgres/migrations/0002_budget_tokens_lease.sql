-- The three things that all processes share: the request budget, the access token, the run lease.
--
-- Only the database's clock decides: hosts may disagree about the time. `p_now` stands in for that
-- clock in tests of the arithmetic and is null otherwise.

create schema if not exists trueup;

-- ---------------------------------------------------------------------------------------- budget

-- One row per workspace. Whoever holds its lock is the only one who counts and books.
create table trueup.call_bucket (
    workspace text primary key
);

create sequence trueup.call_ticket;

-- The log of booked calls, also of those that lie in the future; as long as the longest window.
-- A request reaches Zoho between its slot and its answer: the windows count it at `arrived_by`, the
-- latest moment at which it may have arrived. While it is in flight that is now, then its release.
create table trueup.call_slot (
    ticket    bigint primary key,
    workspace text not null,
    target    text not null,
    slot_at   timestamptz not null,
    arrived_by  timestamptz not null,
    run_id    text
);
create index call_slot_by_time on trueup.call_slot (workspace, arrived_by, target);

-- Calls in flight. A killed caller never gives its seat back: the seat expires.
create table trueup.call_seat (
    ticket     bigint primary key,
    workspace  text not null,
    target     text not null,
    expires_at timestamptz not null
);
create index call_seat_by_workspace on trueup.call_seat (workspace);

-- Callers that wait for a seat, in the order of their tickets; one that stops asking is passed over.
create table trueup.call_queue (
    ticket     bigint primary key,
    workspace  text not null,
    seen_until timestamptz not null
);
create index call_queue_by_workspace on trueup.call_queue (workspace);

-- What a target's refusals have taught: its share of the limit, and until when it is closed.
create table trueup.call_gate (
    workspace         text not null,
    target            text not null,
    factor            double precision not null default 1 check (factor between 0.0625 and 1),
    recovers_from     timestamptz,
    closed_until      timestamptz,
    last_throttled_at timestamptz,
    primary key (workspace, target)
);

-- Booked calls by quarter of an hour, for the rolling day and for the figures people look at.
create table trueup.call_count (
    workspace  text not null,
    quarter_at timestamptz not null,
    target     text not null,
    calls      bigint not null,
    primary key (workspace, quarter_at, target)
);

create table trueup.call_by_run (
    workspace text not null,
    run_id    text not null,
    target    text not null,
    calls     bigint not null default 0,
    throttled bigint not null default 0,
    last_at   timestamptz not null,
    primary key (workspace, run_id, target)
);

-- The refusals seen, the last 1,000 of a workspace.
create table trueup.throttle_event (
    id          bigint generated always as identity primary key,
    workspace   text not null,
    target      text not null,
    at          timestamptz not null,
    kind        text not null check (kind in ('throttled', 'exhausted')),
    retry_after double precision
);
create index throttle_event_by_workspace on trueup.throttle_event (workspace, id);

-- Takes the workspace's lock and tells the time. The time is read after the lock was got: a caller
-- that waited for it must not book into the past.
create function trueup.lock_bucket(p_workspace text, p_now timestamptz) returns timestamptz
language plpgsql as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the budget counts what others committed: use read committed';
    end if;
    perform 1 from trueup.call_bucket where workspace = p_workspace for update;
    if not found then
        insert into trueup.call_bucket values (p_workspace) on conflict do nothing;
        perform 1 from trueup.call_bucket where workspace = p_workspace for update;
    end if;
    return coalesce(p_now, clock_timestamp());
end $$;

create function trueup.quarter_of(p_at timestamptz) returns timestamptz
language sql immutable as $$
    select date_bin(interval '15 minutes', p_at, timestamptz '2000-01-01 00:00:00+00')
$$;

-- Adds `p_calls` (or takes them back) in the figures.
create function trueup.count_calls(
    p_workspace text, p_target text, p_run text, p_slot timestamptz, p_calls integer
) returns void
language plpgsql as $$
begin
    update trueup.call_count set calls = calls + p_calls
    where workspace = p_workspace and quarter_at = trueup.quarter_of(p_slot) and target = p_target;
    if not found then
        insert into trueup.call_count
        values (p_workspace, trueup.quarter_of(p_slot), p_target, p_calls);
        delete from trueup.call_count
        where workspace = p_workspace and quarter_at < p_slot - interval '31 days';
    end if;
    if p_run is not null then
        update trueup.call_by_run set calls = calls + p_calls, last_at = p_slot
        where workspace = p_workspace and run_id = p_run and target = p_target;
        if not found then
            insert into trueup.call_by_run values (p_workspace, p_run, p_target, p_calls, 0, p_slot);
            delete from trueup.call_by_run
            where workspace = p_workspace and last_at < p_slot - interval '400 days';
        end if;
    end if;
end $$;

-- A booking that was never used leaves no trace. The caller holds the bucket's lock.
create function trueup.forget_call(p_ticket bigint) returns void
language plpgsql as $$
declare
    v_call trueup.call_slot;
begin
    delete from trueup.call_queue where ticket = p_ticket;
    delete from trueup.call_seat where ticket = p_ticket;
    delete from trueup.call_slot where ticket = p_ticket returning * into v_call;
    if v_call.ticket is not null then
        perform trueup.count_calls(
            v_call.workspace, v_call.target, v_call.run_id, v_call.slot_at, -1);
    end if;
end $$;

-- The first moment, not before `p_from`, at which one more call keeps every window of `p_width` at
-- `p_calls` or fewer. Calls may have been booked in any order, also beyond that moment: each run
-- of `p_calls` neighbours that fits into a window forbids the stretch from (last - width) to
-- (first + width). Both ends grow from run to run, so one walk finds the first gap.
create function trueup.free_slot(
    p_workspace text, p_target text, p_ticket bigint, p_calls integer, p_width interval,
    p_from timestamptz
) returns timestamptz
language plpgsql as $$
declare
    v_slot timestamptz := p_from;
    v_run record;
begin
    for v_run in
        select first_at, last_at
        from (select arrived_by as first_at,
                     lead(arrived_by, p_calls - 1) over (order by arrived_by) as last_at
              from trueup.call_slot
              where workspace = p_workspace and arrived_by > p_from - p_width
                and ticket <> p_ticket
                and (p_target is null or target = p_target)) as neighbours
        where last_at < first_at + p_width
        order by first_at
    loop
        exit when v_slot <= v_run.last_at - p_width;
        v_slot := greatest(v_slot, v_run.first_at + p_width);
    end loop;
    return v_slot;
end $$;

-- Null while the rolling day has room at `p_at`, else the moment at which it has room again.
-- A quarter counts until its last moment is a day old, so the day is never overspent.
create function trueup.day_full_until(p_workspace text, p_allowance bigint, p_at timestamptz)
returns timestamptz
language sql as $$
    select case when p_allowance <= 0 then p_at + interval '1 day'
                else max(quarter_at) + interval '1 day 15 minutes' end
    from (select quarter_at, sum(sum(calls)) over (order by quarter_at desc) as since
          from trueup.call_count
          where workspace = p_workspace and quarter_at > p_at - interval '1 day 15 minutes'
          group by quarter_at) as day
    where since >= p_allowance
$$;

-- What a target may use of the limit now: halved by a refusal, a sixteenth back per quiet window.
create function trueup.gate_factor(
    p_factor double precision, p_recovers_from timestamptz, p_window double precision,
    p_now timestamptz
) returns double precision
language sql immutable as $$
    select coalesce(least(1, p_factor + 0.0625 * floor(
        greatest(0, extract(epoch from p_now - p_recovers_from)) / p_window)), 1)
$$;

-- The first moment that suits every quota at once. One quota's answer may lie where another
-- forbids, so they are asked in turn until none of them moves it; each move is forward.
create function trueup.next_slot(
    p_workspace text, p_target text, p_ticket bigint, p_from timestamptz, p_limit integer,
    p_share integer, p_width interval, p_token_limit integer, p_token_width interval,
    p_spacing interval
) returns timestamptz
language plpgsql as $$
declare
    v_slot timestamptz := p_from;
    v_before timestamptz;
begin
    loop
        v_before := v_slot;
        v_slot := trueup.free_slot(p_workspace, null, p_ticket, p_limit, p_width, v_slot);
        if p_share < p_limit then
            v_slot := trueup.free_slot(
                p_workspace, p_target, p_ticket, p_share, p_width, v_slot);
        end if;
        if p_target = 'oauth' then
            v_slot := trueup.free_slot(
                p_workspace, p_target, p_ticket, p_token_limit, p_token_width, v_slot);
        end if;
        if p_spacing > interval '0' then
            v_slot := trueup.free_slot(p_workspace, null, p_ticket, 1, p_spacing, v_slot);
        end if;
        exit when v_slot = v_before;
    end loop;
    return v_slot;
end $$;

-- One request's way in, one round trip per step. All times in seconds. A first call passes no
-- ticket; a caller that was told to come back passes the one it got. The verdicts:
--   go      in flight: wait `wait_s` (at most `p_horizon`), send, release
--   booked  the slot is ours but far off: come back after `wait_s`; meanwhile no seat is held
--   busy    too many in flight: ask again after `wait_s`, the place in the queue is kept
--   closed  the target is closed until `until_at`
--   spent   the day's allowance is used up until `until_at`
--   late    it would take longer than `p_patience`
-- After the last three nothing of the caller's remains. `queued_s` is the time spent waiting for
-- the bucket's lock; what else the round trip took, the answer was under way.
create function trueup.acquire_call(
    p_workspace text, p_target text, p_ticket bigint, p_patience double precision,
    p_limit integer, p_window double precision, p_margin double precision, p_allowance bigint,
    p_concurrency integer, p_token_limit integer, p_token_window double precision,
    p_spacing double precision, p_horizon double precision, p_lease double precision,
    p_run text, p_now timestamptz default null,
    out verdict text, out ticket_no bigint, out wait_s double precision, out until_at timestamptz,
    out queued_s double precision
)
language plpgsql as $$
declare
    v_now timestamptz;
    v_gate trueup.call_gate;
    v_slot timestamptz;
    v_next timestamptz;
    v_booked boolean;
    v_share integer;
    v_ahead integer;
begin
    -- Only a booking must outlive a crash of the server; the rest may be forgotten.
    perform set_config('synchronous_commit', 'off', true);
    v_now := trueup.lock_bucket(p_workspace, p_now);
    queued_s := extract(epoch from clock_timestamp() - statement_timestamp());
    ticket_no := coalesce(p_ticket, nextval('trueup.call_ticket'));

    -- What is in flight may arrive as late as now.
    update trueup.call_slot s set arrived_by = v_now from trueup.call_seat c
    where c.workspace = p_workspace and s.ticket = c.ticket and c.ticket <> ticket_no
      and s.arrived_by < v_now;
    delete from trueup.call_seat where workspace = p_workspace and expires_at <= v_now;
    delete from trueup.call_queue where workspace = p_workspace and seen_until <= v_now;
    delete from trueup.call_slot
    where workspace = p_workspace
      and arrived_by < v_now - 2 * make_interval(secs => greatest(p_window, p_token_window, p_spacing));

    -- An earlier booking holds unless its time went by, a refusal has cleared it away, or calls
    -- before it took so long that it would come too soon after them.
    if p_ticket is not null then
        select slot_at into v_slot from trueup.call_slot where ticket = p_ticket;
        if v_slot < v_now - make_interval(secs => p_margin / 2) then
            perform trueup.forget_call(p_ticket);
            v_slot := null;
        end if;
    end if;
    v_booked := v_slot is not null;

    select * into v_gate from trueup.call_gate
    where workspace = p_workspace and target = p_target;
    if v_gate.closed_until > v_now then
        verdict := 'closed';
        until_at := v_gate.closed_until;
    else
        v_share := floor(p_limit * trueup.gate_factor(
            v_gate.factor, v_gate.recovers_from, p_window, v_now));
        v_next := trueup.next_slot(
            p_workspace, p_target, ticket_no, greatest(v_slot, v_now), p_limit,
            greatest(1, v_share), make_interval(secs => p_window + p_margin), p_token_limit,
            make_interval(secs => p_token_window + p_margin), make_interval(secs => p_spacing));
        if v_booked and v_next > v_now and v_next > v_slot then
            perform trueup.forget_call(ticket_no);
            v_booked := false;
        end if;
        v_slot := case when v_booked then v_slot else v_next end;
    end if;
    if verdict is null and not v_booked then
        until_at := trueup.day_full_until(p_workspace, p_allowance, v_slot);
        if until_at is not null then
            verdict := 'spent';
        elsif v_slot > v_now + make_interval(secs => p_patience) then
            verdict := 'late';
            until_at := v_slot;
        end if;
    end if;

    -- A slot near enough to wait for in place needs a seat; whoever asked first comes first.
    if verdict is null and v_slot > v_now + make_interval(secs => p_horizon) then
        verdict := 'booked';
    elsif verdict is null then
        select count(*) into v_ahead from trueup.call_queue
        where workspace = p_workspace and ticket < ticket_no;
        if v_ahead + (select count(*) from trueup.call_seat
                      where workspace = p_workspace and ticket <> ticket_no) < p_concurrency then
            verdict := 'go';
        else
            verdict := case when p_patience > 0 then 'busy' else 'late' end;
        end if;
    end if;

    if verdict in ('go', 'booked') then
        perform set_config('synchronous_commit', 'on', true);
        if not v_booked then
            insert into trueup.call_slot
            values (ticket_no, p_workspace, p_target, v_slot, v_slot, p_run);
            perform trueup.count_calls(p_workspace, p_target, p_run, v_slot, 1);
        end if;
        wait_s := greatest(0, extract(epoch from v_slot - v_now));
    end if;
    if verdict = 'go' then
        delete from trueup.call_queue where ticket = ticket_no;
        insert into trueup.call_seat
        values (ticket_no, p_workspace, p_target, v_slot + make_interval(secs => p_lease))
        on conflict (ticket) do nothing;
    elsif verdict = 'booked' then
        until_at := v_slot;
        wait_s := wait_s - p_horizon;
    else
        perform trueup.forget_call(ticket_no);
        wait_s := greatest(0, extract(epoch from until_at - v_now));
    end if;
    if verdict = 'busy' then
        insert into trueup.call_queue
        values (ticket_no, p_workspace, v_now + interval '1 second');
        wait_s := least(0.25, 0.01 * (1 + v_ahead));
    end if;
end $$;

-- Ends a call; what it used of the windows stays used, and it arrived no later than now.
create function trueup.release_call(p_ticket bigint, p_now timestamptz default null) returns void
language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    update trueup.call_slot
    set arrived_by = greatest(arrived_by, coalesce(p_now, clock_timestamp()))
    where ticket = p_ticket;
    delete from trueup.call_seat where ticket = p_ticket;
end $$;

-- Gives back a ticket whose request was not, and will not be, sent.
create function trueup.cancel_call(p_workspace text, p_ticket bigint) returns void
language plpgsql as $$
begin
    perform trueup.lock_bucket(p_workspace, null);
    perform trueup.forget_call(p_ticket);
end $$;

-- Closes a target for everybody. A refusal (`throttled`) also halves its share, once: the answers
-- of calls that were in flight together tell the same news. Bookings ahead are withdrawn; their
-- owners learn of it when they come back.
create function trueup.close_target(
    p_workspace text, p_target text, p_kind text, p_seconds double precision,
    p_retry_after double precision, p_window double precision, p_run text,
    p_now timestamptz default null
) returns void
language plpgsql as $$
declare
    v_now timestamptz := trueup.lock_bucket(p_workspace, p_now);
    v_until timestamptz := v_now + make_interval(secs => greatest(0, p_seconds));
    v_gate trueup.call_gate;
begin
    insert into trueup.call_gate (workspace, target) values (p_workspace, p_target)
    on conflict do nothing;
    select * into v_gate from trueup.call_gate
    where workspace = p_workspace and target = p_target;
    v_gate.factor := trueup.gate_factor(v_gate.factor, v_gate.recovers_from, p_window, v_now);
    if p_kind = 'throttled' and coalesce(v_gate.closed_until, v_now) <= v_now then
        v_gate.factor := greatest(0.0625, v_gate.factor / 2);
    end if;
    update trueup.call_gate
    set factor = v_gate.factor, recovers_from = greatest(closed_until, v_until),
        closed_until = greatest(closed_until, v_until), last_throttled_at = v_now
    where workspace = p_workspace and target = p_target;

    perform trueup.forget_call(ticket) from trueup.call_slot
    where workspace = p_workspace and target = p_target and slot_at > v_now
      and ticket not in (select ticket from trueup.call_seat where workspace = p_workspace);

    insert into trueup.throttle_event (workspace, target, at, kind, retry_after)
    values (p_workspace, p_target, v_now, p_kind, p_retry_after);
    delete from trueup.throttle_event
    where workspace = p_workspace and id <= (
        select id from trueup.throttle_event
        where workspace = p_workspace order by id desc offset 1000 limit 1);
    if p_run is not null then
        update trueup.call_by_run set throttled = throttled + 1, last_at = v_now
        where workspace = p_workspace and run_id = p_run and target = p_target;
    end if;
end $$;

-- How every known target stands.
create function trueup.call_standing(
    p_workspace text, p_window double precision, p_now timestamptz default null
) returns table (
    target text, factor double precision, closed_until timestamptz, in_window bigint,
    today bigint, last_throttled_at timestamptz
)
language sql as $$
    with clock as (select coalesce(p_now, clock_timestamp()) as now),
    spent as (
        select c.target, sum(c.calls)::bigint as calls from trueup.call_count c, clock
        where c.workspace = p_workspace and c.quarter_at > clock.now - interval '1 day 15 minutes'
        group by c.target),
    fresh as (
        select s.target, count(*) as calls from trueup.call_slot s, clock
        where s.workspace = p_workspace and s.slot_at <= clock.now
          and s.slot_at > clock.now - make_interval(secs => p_window)
        group by s.target)
    select target, trueup.gate_factor(g.factor, g.recovers_from, p_window, clock.now),
           case when g.closed_until > clock.now then g.closed_until end,
           coalesce(fresh.calls, 0), coalesce(spent.calls, 0), g.last_throttled_at
    from (select * from trueup.call_gate where workspace = p_workspace) g
    full join spent using (target) full join fresh using (target) cross join clock
    order by target
$$;

-- ----------------------------------------------------------------------------------------- token

-- The access token of all processes, encrypted; the generation counts what was ever minted.
create table trueup.token (
    workspace          text not null,
    purpose            text not null,
    ciphertext         bytea,
    api_domain         text,
    scope              text,
    issued_at          timestamptz,
    expires_at         timestamptz,
    refresh_at         timestamptz,
    generation         bigint not null default 0,
    refreshing_by      text,
    refreshing_until   timestamptz,
    cooldown_until     timestamptz,
    cooldown_reason    text,
    credentials_digest text not null default '',
    primary key (workspace, purpose)
);

-- What a caller that needs a token does next:
--   use      the token is good
--   mint     it is this caller's turn to fetch a new one (the old one comes along while it lives)
--   wait     somebody else is fetching and there is none to use meanwhile; until `until_at`
--   cooling  the issuer wants silence until `until_at`
-- A token in the last hundredth of its life is not handed out: it would expire on the way.
create function trueup.claim_token(
    p_workspace text, p_purpose text, p_digest text, p_claimant text, p_lease double precision,
    p_now timestamptz default null,
    out verdict text, out token trueup.token, out usable boolean, out until_at timestamptz
)
language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    select * into token from trueup.token where workspace = p_workspace and purpose = p_purpose;
    usable := true;
    verdict := 'use';
    if token.credentials_digest = p_digest and token.ciphertext is not null
       and v_now < token.refresh_at then
        return;  -- nearly always: one read, no lock
    end if;

    insert into trueup.token (workspace, purpose, credentials_digest)
    values (p_workspace, p_purpose, p_digest) on conflict do nothing;
    select * into token from trueup.token
    where workspace = p_workspace and purpose = p_purpose for update;
    v_now := coalesce(p_now, clock_timestamp());
    if token.credentials_digest <> p_digest then
        -- Other credentials: the token, and the trouble, were those of the old ones.
        update trueup.token
        set ciphertext = null, credentials_digest = p_digest, refreshing_by = null,
            refreshing_until = null, cooldown_until = null, cooldown_reason = null
        where workspace = p_workspace and purpose = p_purpose returning * into token;
    end if;

    usable := token.ciphertext is not null
        and v_now < token.expires_at - (token.expires_at - token.issued_at) / 100;
    if usable and v_now < token.refresh_at then
        return;
    elsif token.cooldown_until > v_now then
        until_at := token.cooldown_until;
        verdict := case when usable then 'use' else 'cooling' end;
    elsif token.refreshing_until > v_now then
        until_at := token.refreshing_until;
        verdict := case when usable then 'use' else 'wait' end;
    else
        verdict := 'mint';
        update trueup.token
        set refreshing_by = p_claimant, refreshing_until = v_now + make_interval(secs => p_lease)
        where workspace = p_workspace and purpose = p_purpose;
    end if;
end $$;

-- Keeps a fresh token and gives it the next generation. No row when the claim was lost meanwhile
-- (it expired, or the credentials changed): then somebody else's token counts.
create function trueup.store_token(
    p_workspace text, p_purpose text, p_claimant text, p_ciphertext bytea, p_api_domain text,
    p_scope text, p_expires_in double precision, p_refresh_share double precision,
    p_now timestamptz default null
) returns table (generation bigint, expires_at timestamptz)
language sql as $$
    with clock as (select coalesce(p_now, clock_timestamp()) as now)
    update trueup.token t
    set ciphertext = p_ciphertext, api_domain = p_api_domain, scope = p_scope, issued_at = now,
        expires_at = now + make_interval(secs => p_expires_in),
        refresh_at = now + make_interval(secs => p_expires_in * p_refresh_share),
        generation = t.generation + 1, refreshing_by = null, refreshing_until = null,
        cooldown_until = null, cooldown_reason = null
    from clock
    where workspace = p_workspace and purpose = p_purpose and refreshing_by = p_claimant
    returning t.generation, t.expires_at
$$;

-- Gives the claim back after a failed attempt. The next one waits `p_pause`, whoever makes it, but
-- not so long that a token that is still good would expire meanwhile.
create function trueup.abandon_token(
    p_workspace text, p_purpose text, p_claimant text, p_pause double precision,
    p_now timestamptz default null
) returns void
language sql as $$
    with clock as (select coalesce(p_now, clock_timestamp()) as now)
    update trueup.token
    set refreshing_by = null,
        refreshing_until = now + least(
            make_interval(secs => p_pause), greatest(interval '1 second', (expires_at - now) / 4))
    from clock
    where workspace = p_workspace and purpose = p_purpose and refreshing_by = p_claimant
$$;

-- ----------------------------------------------------------------------------------------- lease

-- One holder per name. The epoch grows with every holder and fences off the ones before.
create table trueup.lease (
    name        text primary key,
    owner       text not null,
    epoch       bigint not null,
    acquired_at timestamptz not null,
    expires_at  timestamptz not null,
    run_id      text,
    host        text not null,
    pid         integer not null
);

-- The new epoch, or null while another holder lives.
create function trueup.take_lease(
    p_name text, p_owner text, p_seconds double precision, p_run text, p_host text, p_pid integer
) returns bigint
language sql as $$
    insert into trueup.lease as held
    values (p_name, p_owner, 1, clock_timestamp(),
            clock_timestamp() + make_interval(secs => p_seconds), p_run, p_host, p_pid)
    on conflict (name) do update
    set owner = p_owner, epoch = held.epoch + 1, acquired_at = clock_timestamp(),
        expires_at = clock_timestamp() + make_interval(secs => p_seconds),
        run_id = p_run, host = p_host, pid = p_pid
    where held.expires_at <= clock_timestamp()
    returning epoch
$$;

-- True while that epoch holds the lease, and then for the rest of the transaction: the row is
-- share-locked, so a successor can take over only after this transaction's writes are committed.
-- A holder that is stopped in the middle must not block it for long: its session is ended.
create function trueup.holds_lease(p_name text, p_epoch bigint) returns boolean
language plpgsql as $$
begin
    perform set_config('idle_in_transaction_session_timeout', '5s', true);
    perform 1 from trueup.lease
    where name = p_name and epoch = p_epoch and expires_at > clock_timestamp() for share;
    return found;
end $$;

-- ------------------------------------------------------------------------------------- privacy

alter table trueup.call_bucket enable row level security;
alter table trueup.call_slot enable row level security;
alter table trueup.call_seat enable row level security;
alter table trueup.call_queue enable row level security;
alter table trueup.call_gate enable row level security;
alter table trueup.call_count enable row level security;
alter table trueup.call_by_run enable row level security;
alter table trueup.throttle_event enable row level security;
alter table trueup.token enable row level security;
alter table trueup.lease enable row level security;
