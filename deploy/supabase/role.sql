-- A role for Trueup that can do the job and nothing else. Run it as the owner of the tables (on
-- Supabase: `postgres`, in the SQL editor), after `trueup db upgrade`, and again after each upgrade:
-- it may be run any number of times. See docs/deploy/supabase.md.
--
-- Then give it a password: alter role trueup_app password '…';

do $$
declare
    ours text;
begin
    if not exists (select from pg_roles where rolname = 'trueup_app') then
        create role trueup_app;
    end if;
    -- Row security is on for all that is Trueup's, without policies, so that a published schema shows
    -- nothing to anybody. COPY into such a table needs this; what the role may touch at all is said by
    -- the grants below.
    alter role trueup_app with login bypassrls;
    execute format('grant connect on database %I to trueup_app', current_database());

    -- What is left of an earlier version of this file.
    revoke all on all tables in schema public from trueup_app;
    grant usage on schema public to trueup_app;

    -- The catalogue is read, never written. Another table than service_packages ([catalogue] table
    -- in trueup.toml) needs a line of its own.
    grant select on public.service_packages to trueup_app;
    if to_regclass('public.price_changes') is not null then
        grant select on public.price_changes to trueup_app;
    end if;

    -- The columns and logs of older screens; what is past its time is removed from the logs.
    grant select, insert, update on public.product_integrations to trueup_app;
    grant select, insert, update, delete on public.zoho_sync_logs to trueup_app;
    grant select, insert, update, delete on public.cron_execution_log to trueup_app;
    grant execute on function public.get_sync_candidates to trueup_app;
    grant execute on function public.record_rate_limit_hit to trueup_app;

    -- Our own memory, and the engine's tables. No table can be made, changed or dropped.
    foreach ours in array array['trueup', 'trueup_engine'] loop
        if to_regnamespace(ours) is not null then
            execute format('grant usage on schema %I to trueup_app', ours);
            execute format('grant select, insert, update, delete on all tables in schema %I'
                           ' to trueup_app', ours);
            execute format('grant usage on all sequences in schema %I to trueup_app', ours);
            execute format('grant execute on all functions in schema %I to trueup_app', ours);
        end if;
    end loop;
    -- Which migrations were applied is for the owner to say.
    revoke insert, update, delete on trueup.migration from trueup_app;
    -- Called by the triggers of `trueup db upgrade --watch`, in the owner's name.
    if to_regprocedure('trueup.touch(text[])') is not null then
        revoke execute on function trueup.touch(text[]) from trueup_app;
    end if;
    -- So that a large reading is planned well; before Postgres 17 only the owner may.
    if current_setting('server_version_num')::integer >= 170000 then
        grant maintain on trueup.observed to trueup_app;
    end if;
end $$;
