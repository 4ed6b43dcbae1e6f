-- When the changes of a run were removed, or began to be: it cannot be taken back any more.
alter table trueup.run add column changes_removed_at timestamptz;
