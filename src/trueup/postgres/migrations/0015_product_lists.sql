-- Turning the pages of a large catalogue: by SKU, by name and by price, whatever is missing in a row.
-- Only the catalogue that Trueup knows by default; another table has the indexes of its owner. What
-- people search and filter by comes along, so that a search reads an index and not the wide rows; the
-- columns inside the expressions do too, or Postgres would not read the index alone.
create index if not exists service_packages_by_sku_and_id
    on public.service_packages ((coalesce(sku, '')), id)
    include (sku, name, service_type, product_category);
create index if not exists service_packages_by_name_and_id
    on public.service_packages ((coalesce(name, '')), id) include (name, sku);
create index if not exists service_packages_by_price_and_id
    on public.service_packages ((case when pricing ->> 'monthly' ~ '^[0-9]{1,12}(\.[0-9]{1,6})?$'
                                      then (pricing ->> 'monthly')::numeric else -1 end), id);

-- The last look at one product that somebody asked for.
create index job_of_one_product on trueup.job (workspace, (terms -> 'skus' ->> 0), job_id)
    where state = 'done' and terms -> 'skus' ->> 0 is not null and terms -> 'skus' ->> 1 is null;

-- What became of the changes of each run: a year of it is counted without reading a single one.
create index change_history_outcomes on trueup.change_history (run_id, status, actor);
