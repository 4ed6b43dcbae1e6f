-- How many live subscriptions a held change touches, as far as Billing tells: null where nobody
-- counted.
alter table trueup.held_change add column subscriptions integer;
