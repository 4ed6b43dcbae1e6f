-- What a year of runs over a large catalogue needs (docs/watch.md has the figures).

-- When the changes of a run were removed, or began to be: it cannot be taken back any more.
alter table trueup.run add column changes_removed_at timestamptz;

-- Which products do not agree, whatever the reason: `trueup errors` and `trueup status` count the
-- refused ones too, and would read every product to find none. A product in order is in no index but
-- that of its key, so that a night that verifies all of them updates their rows in place.
drop index trueup.product_state_trouble;
create index product_state_trouble on trueup.product_state (status, target) where status <> 'ok';

-- What had to be put back lately, for telling a second writer: few of many changes.
create index change_history_drifted on trueup.change_history (at)
    where reason = 'drifted' and status = 'applied';
