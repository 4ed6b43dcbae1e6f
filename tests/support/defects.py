"""The predecessor's 71 known defects, in short, and what proves each one absent.

A proof is `file::test` under tests/.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: its number in the study, our words, and its proofs."""

    number: int
    words: str
    proofs: tuple[str, ...]


def absent(number: int, words: str, *proofs: str) -> Defect:
    return Defect(number, words, proofs)


_ASKING = "integration/test_cron_endpoint_asking.py::test_"
_WALK = "integration/test_page_security.py::test_"
_RUNNING = "unit/test_running.py::test_"
_READING = "unit/test_reading.py::test_"
_PROJECT = "unit/test_project.py::test_"
_DIFF = "unit/test_diff.py::test_"
_IDENTITY = "unit/test_identity.py::test_"
_ORDER = "unit/test_order.py::test_"
_DUE = "unit/test_due.py::test_"
_HTTP = "unit/zoho/test_http.py::test_"
_PAGING = "unit/zoho/test_paging.py::test_"
_RECORDS = "integration/test_zoho_records.py::test_"
_WEATHER = "integration/test_zoho_weather.py::test_"
_LEDGER = "contract/test_ledger.py::test_"
_BUDGET = "contract/test_budget.py::test_"
_TOKENS = "integration/test_tokens.py::test_"
_LEASE = "integration/test_lease.py::test_"
_QUERIES = "integration/test_monitoring_queries.py::test_"
_OLD = "integration/test_predecessor_database.py::test_"
_LAWS = "properties/test_planner_laws.py::test_"
_HERE = "unit/test_predecessor_defects.py::test_"
_AUTH = "unit/zoho/test_auth.py::test_"
_DATED = "unit/test_dated_prices.py::test_"
_DATED_NIGHTS = "integration/test_dated_prices.py::test_"

DEFECTS: tuple[Defect, ...] = (
    # wrong money, wrong data
    absent(1, "half a row is pushed: zero prices and nulls", _HERE + "half_a_row_cannot_be_built",
           _LAWS + "no_record_carries_an_amount_that_the_row_did_not_hold",
           "integration/test_catalogue.py::test_what_is_missing_is_named"),
    absent(2, "a run erases links that it wrote before", _LEDGER + "a_failure_never_erases_a_link",
           _QUERIES + "remote_ids_are_mirrored_and_never_emptied"),
    absent(3, "the first row of an ignored filter is overwritten",
           _RECORDS + "filters_that_are_ignored_touch_no_foreign_record",
           _IDENTITY + "the_decision_table"),
    absent(4, "the installation is charged twice", _PROJECT + "the_installation_is_charged_once"),
    absent(5, "the contract's length ends billing",
           _PROJECT + "a_contract_term_never_ends_billing"),
    absent(6, "a promotion becomes the price for ever",
           _READING + "a_promotion_never_becomes_the_list_price",
           _DATED + "a_promotion_is_in_no_request_in_any_state",
           _DATED_NIGHTS + "a_promotion_is_in_no_request"),
    absent(7, "the wholesale cost is shown as a fee", _READING + "the_cost_column_is_not_even_read",
           _PROJECT + "a_free_installation_keeps_its_item",
           _LAWS + "the_wholesale_cost_never_leaves"),
    absent(8, "what is withdrawn stays on sale",
           _RUNNING + "a_withdrawn_product_is_retired_and_comes_back",
           _READING + "the_lifecycle_of_every_status_in_every_window"),
    absent(9, "any failed search makes a duplicate",
           _WEATHER + "a_listing_that_stays_broken_is_an_error_not_an_empty_list",
           _WEATHER + "a_lost_crm_create_is_found_or_absent_but_never_doubled",
           _READING + "texts_that_no_target_should_see",
           "properties/test_convergence.py::nothing_exists_twice"),
    absent(10, "stored ids are thrown away and never read",
           _LEDGER + "a_failure_never_erases_a_link",
           _RUNNING + "a_renamed_product_keeps_its_records_but_gets_a_new_plan"),
    absent(11, "a price change never reaches the target",
           _DIFF + "three_states_tell_an_edit_from_drift",
           _DATED_NIGHTS + "a_dated_price_is_applied_the_night_after_a_missed_one_and_once"),
    absent(12, "a price change is undone by a trigger of the source",
           _READING + "a_price_in_doubt_is_a_finding_about_money",
           _DATED_NIGHTS + "a_catalogue_whose_trigger_takes_the_price_back_does_not_undo_it"),
    absent(13, "a change that misses its day is lost",
           _DATED + "a_dated_price_is_applied_once_also_after_missed_nights",
           _DATED + "any_history_gives_the_price_of_the_last_date",
           _DATED_NIGHTS + "the_date_is_that_of_the_business",
           "integration/test_sync_candidates.py::test_a_dated_price_is_a_change_on_its_date_once"),
    absent(14, "jobs run in the wrong order of the day",
           _DATED_NIGHTS + "a_price_and_a_name_of_one_day_are_one_plan",
           _DATED_NIGHTS + "an_evening_run_does_not_hide_what_comes_due_at_midnight"),
    absent(15, "old and new customers cannot have different prices",
           _DATED_NIGHTS + "old_and_new_customers_can_have_different_prices"),
    absent(16, "the VAT basis is unknown", _READING + "prices_are_sent_in_one_vat_basis",
           _READING + "contradictory_vat_statements_are_a_finding"),
    absent(17, "fields that are left out go stale", _HERE + "a_stale_setup_fee_is_cleared",
           _RECORDS + "foreign_fields_of_billing_survive_whatever_put_does_with_omitted_ones"),
    absent(18, "products are keyed by name, on the first page",
           _IDENTITY + "a_product_is_never_found_by_its_name",
           _PROJECT + "a_name_that_repeats_carries_its_sku_where_billing_wants_it_unique",
           _RECORDS + "long_listings_are_read_whole"),
    absent(19, "a shared device is rewritten by each product",
           _PROJECT + "a_shared_device_is_one_item_without_an_owner",
           _RUNNING + "a_shared_device_stays_while_somebody_uses_it"),
    absent(20, "a helper that makes a second subscription",
           _HERE + "nothing_touches_subscriptions"),
    absent(21, "terms, devices and categories are looked for in the wrong place",
           "unit/test_places.py::test_the_term_is_found_in_each_of_its_places",
           "unit/test_places.py::test_included_devices_are_found_in_each_of_their_places",
           _PROJECT + "the_default_mapping_is_the_table_of_the_specification"),
    absent(22, "an archived row stays active by another flag",
           _READING + "the_lifecycle_of_every_status_in_every_window"),
    # the job does not do its job
    absent(23, "a token for every product", _TOKENS + "five_hundred_gets_are_one_mint",
           _WEATHER + "many_requests_cost_one_token"),
    absent(24, "the token was never saved", _TOKENS + "four_processes_mint_once"),
    absent(25, "what fails starves the rest",
           _ORDER + "nine_that_always_fail_do_not_stop_the_other_seventeen",
           _ORDER + "ninety_nine_that_always_fail_do_not_stop_the_other_201",
           _ORDER + "failed_work_takes_a_quarter_while_others_wait",
           _RUNNING + "a_refused_product_is_left_alone_until_its_row_changes"),
    absent(26, "every second night is missed",
           _DUE + "a_nightly_run_verifies_every_product_every_night"),
    absent(27, "a killed run saves nothing",
           "unit/test_applying.py::test_records_travel_in_batches_and_are_durable_between_them",
           "integration/test_kills.py::test_eight_kills_and_one_clean_run_leave_exactly_the_desired_state",
           "unit/test_applying.py::test_the_deadline_defers_what_is_left"),
    absent(28, "runs overlap", _LEASE + "twenty_starts_at_once_are_one_run",
           _RUNNING + "a_second_run_finds_the_lock_and_does_nothing"),
    absent(29, "the limiter counts the wrong thing", _BUDGET + "no_schedule_breaks_a_limit",
           "integration/test_budget_processes.py::test_four_processes_share_the_window",
           _HTTP + "every_ticket_is_released_and_no_secret_is_told"),
    absent(30, "no timeout, no Retry-After, no back-off",
           _HTTP + "a_throttled_call_waits_and_passes",
           _HTTP + "a_read_is_tried_four_times_then_the_target_is_down"),
    absent(31, "the recorder of rate limits would fail",
           _OLD + "a_rate_limit_hit_of_an_unknown_package_breaks_nothing",
           _QUERIES + "the_four_queries_of_the_guide"),
    absent(32, "the cooldown has holes", _AUTH + "a_throttled_endpoint_starts_the_cooldown",
           _TOKENS + "a_refusal_silences_everybody"),
    absent(33, "two purposes share a token", _TOKENS + "other_credentials_discard_the_token"),
    absent(34, "rows that nobody selects", _DUE + "no_combination_of_empty_columns_is_forgotten",
           _OLD + "candidates_include_those_that_the_predecessor_forgot"),
    absent(35, "a result without a row is lost",
           _QUERIES + "remote_ids_are_mirrored_and_never_emptied", _LEDGER + "success"),
    absent(36, "one target's success hides the other's failure",
           _QUERIES + "last_synced_means_last_success",
           _RUNNING + "a_run_in_which_one_of_two_fails_is_partial"),
    absent(37, "everything is rewritten every night",
           _RUNNING + "the_second_night_verifies_and_writes_nothing"),
    absent(38, "failures are never retried by themselves",
           _DUE + "the_table_of_what_is_due", _LEDGER + "failures_climb_the_ladder"),
    absent(39, "an error selects a hundred other rows instead",
           _RUNNING + "an_empty_catalogue_is_refused_before_any_write",
           "integration/test_catalogue.py::test_a_row_that_cannot_be_read_is_named"),
    absent(40, "only one data centre works",
           "unit/zoho/test_regions_and_scopes.py::test_ten_regions_each_with_its_own_hosts",
           "unit/zoho/test_regions_and_scopes.py::test_an_unknown_region_lists_all_and_guesses"),
    absent(41, "a backfill conflicts with itself and loses ids",
           _RUNNING + "a_backfill_knows_no_limit", _LEDGER + "a_failure_never_erases_a_link"),
    # nobody can see it
    absent(42, "the run log is refused", _QUERIES + "the_run_log_says_how_it_ended",
           _OLD + "our_rows_are_accepted_and_old_ones_too"),
    absent(43, "the failure log is refused", _QUERIES + "each_failure_is_logged"),
    absent(44, "the log of a fatal error is refused",
           _RUNNING + "a_crash_is_written_down_and_not_swallowed",
           _QUERIES + "an_interrupted_run_is_a_failed_one_in_the_log"),
    absent(45, "success is reported when everything failed",
           _RUNNING + "a_run_in_which_everything_fails_has_failed"),
    absent(46, "a failure moves the last success",
           _LEDGER + "a_failure_does_not_move_the_last_success"),
    absent(47, "a dry run shows names only",
           "unit/test_plan.py::test_the_document_has_the_names_of_the_specification"),
    absent(48, "counters come from other columns than results",
           "unit/test_runs.py::test_one_product_is_counted_once_under_each_name"),
    absent(49, "the screens cannot show Billing",
           "integration/test_page_products.py::test_a_product_shows_three_sides",
           "integration/test_page_runs.py::test_cells_of_the_matrix_lead_to_their_products",
           "e2e/test_demo_pages.py::test_what_is_wrong_is_found_and_put_right",
           "integration/test_cli_monitor.py::test_each_failure_says_why_since_when_and_what_next"),
    absent(50, "the guide's own queries fail", _QUERIES + "the_four_queries_of_the_guide",
           _OLD + "the_four_monitoring_queries_work"),
    absent(51, "drift cannot be seen", _DIFF + "three_states_tell_an_edit_from_drift"),
    absent(52, "nobody is told",
           "integration/test_alerts.py::"
           "test_everything_that_can_be_wrong_is_found_told_once_and_told_to_be_over",
           "integration/test_alerts_nights.py::"
           "test_refused_credentials_are_told_once_and_that_they_are_mended_once",
           "integration/test_alerts_jobs.py::test_the_switch_hears_of_every_night"),
    absent(53, "nothing is tested", "properties/test_convergence.py::good_weather"),
    # security
    absent(54, "one printed secret opens every endpoint",
           "unit/web/test_bearer.py::test_both_secrets_open_during_a_rotation",
           _ASKING + "a_secret_of_a_workspace_opens_that_one_alone",
           _ASKING + "nothing_of_the_secrets_is_in_any_answer"),
    absent(55, "credentials are committed", "unit/test_repository.py::test_no_file_holds"),
    absent(56, "the secret is compared character by character",
           "unit/web/test_bearer.py::test_every_secret_is_compared_whichever_fits"),
    absent(57, "anybody can spend the tokens",
           _WALK + "nobody_sees_a_page_without_a_session",
           _WALK + "nobody_uses_the_api_without_a_token",
           _WALK + "nobody_uses_the_other_endpoints_without_the_secret",
           "integration/test_api_properties.py::test_every_answer_is_in_the_document"),
    absent(58, "tokens lie in clear text", _TOKENS + "the_database_holds_no_clear_text",
           _AUTH + "nothing_shows_a_secret"),
    absent(59, "a SKU is put into paths and queries as it is",
           "unit/zoho/test_crm_answers.py::test_codes_in_a_query_are_quoted",
           "unit/zoho/test_billing_records.py::test_a_code_stays_one_segment_of_its_path"),
    absent(60, "real people in committed files", _HERE + "every_address_in_the_tests_is_invented"),
    # fragility
    absent(61, "the limit takes any number",
           "integration/test_sync_candidates.py::test_a_senseless_limit_is_refused"),
    absent(62, "a SKU may be missing or doubled", _READING + "texts_that_no_target_should_see",
           "unit/test_screen.py::test_every_row_of_a_duplicate_set_names_the_others"),
    absent(63, "a SKU is made up from a slug", _HERE + "a_missing_sku_is_never_made_up"),
    absent(64, "an item's name can be too long",
           "unit/test_screen.py::test_a_long_name_is_refused_where_it_does_not_fit"),
    absent(65, "a speed of nought means two things",
           _HERE + "a_speed_of_nought_is_sent_as_it_stands"),
    absent(66, "a percentage overflows", _HERE + "no_percentage_is_stored"),
    absent(67, "slugs can collide", _HERE + "a_missing_sku_is_never_made_up"),
    absent(68, "types are bypassed where it matters", _HERE + "half_a_row_cannot_be_built"),
    absent(69, "errors are told apart by their text",
           "unit/zoho/test_verdict.py::test_texts_decide_nothing"),
    absent(70, "a host's limit kills the job",
           "unit/test_applying.py::test_the_deadline_defers_what_is_left"),
    absent(71, "two migrations with one version",
           "integration/test_migrate.py::test_six_upgrades_at_once_apply_each_file_once",
           "integration/test_migrate.py::test_a_file_edited_after_it_was_applied_is_refused"),
)  # fmt: skip
