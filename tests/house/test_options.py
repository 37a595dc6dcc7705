"""No option without effect: each that users can set has a test that shows what it changes. A new one needs a line here."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mainspring import Mainspring, Task, service, task
from mainspring.config import SETTINGS

TESTS = Path(__file__).parents[1]

# For each option, the test that fails when it does nothing.
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "task": {
        "name": "core/test_task.py::test_a_definition_says_everything_that_was_written",
        "title": "core/test_task.py::test_a_definition_says_everything_that_was_written",
        "description": "core/test_task.py::test_a_definition_says_everything_that_was_written",
        "category": "registry/test_discovery.py::test_a_discovered_task_is_found_by_name_category_and_all_with_its_schemas",
        "icon": "core/test_form.py::test_an_icon_is_a_plain_name",
        "tags": "registry/test_discovery.py::test_a_discovered_task_is_found_by_name_category_and_all_with_its_schemas",
        "danger": "faces/test_run.py::test_a_dangerous_task_wants_to_be_confirmed",
        "expensive": "engine/test_limiter.py::test_expensive_runs_go_one_at_a_time_and_take_no_slot_of_others",
        "queue": "engine/test_worker.py::test_a_node_serves_the_queues_that_it_was_given",
        "priority": "story/test_01_enqueue.py::test_the_urgent_goes_first",
        "retry": "engine/test_app.py::test_a_failure_is_raised_with_its_kind_and_kept_with_its_trace",
        "timeout": "engine/test_local_pools.py::test_timeout_and_cancel",
        "deadline": "store/test_runs_stop.py::test_waiting_runs_past_their_deadline_end_without_another_attempt",
        "isolation": "faces/test_worker.py::test_bodies_run_in_children_by_default",
        "enabled": "engine/test_app.py::test_a_disabled_task_is_not_enqueued",
        "repeatable": "story/test_07_bad_days.py::test_what_must_not_happen_twice_says_so",
        "max_rescues": "engine/test_app.py::test_max_rescues_is_how_often_a_task_may_take_its_node_down",
        "concurrency": "engine/test_limiter.py::test_two_at_once_over_three_processes_and_the_others_say_why_and_where",
        "rate": "engine/test_limiter.py::test_ten_a_second_over_three_nodes",
        "limit": "engine/test_limiter.py::test_a_rate_wakes_the_limiter_when_its_token_comes_and_no_oftener",
        "dedupe": "engine/test_dedupe.py::test_what_the_template_does_not_name_makes_no_difference",
        "retention": "engine/test_operators.py::test_a_nodes_own_loop_applies_the_policies_of_app_and_tasks",
        "requires": "faces/test_definitions.py::test_doctor_tells_what_is_missing_and_what_is_there",
        "validate": "engine/test_hooks.py::test_every_door_asks",
        "rollback": "engine/test_rollback.py::test_rollback_is_called_once_with_the_context_of_the_body",
        "on_error": "engine/test_hooks.py::test_hears_of_each_failed_attempt_and_whether_it_is_retried",
        "params_version": "engine/test_hooks.py::test_newer_parameters_wait_for_newer_code",
        "upgrade": "engine/test_hooks.py::test_older_parameters_are_upgraded_or_refused_with_both_versions",
        "overlap": "engine/test_gatekeeper.py::test_queue_replace_and_allow_do_what_they_say",
        "depends_on": "engine/test_gatekeeper.py::test_a_task_waits_for_the_success_of_what_it_needs_and_names_it",
        "schedule": "engine/test_scheduler.py::test_a_slot_becomes_an_ordinary_run",
        "no_web": "faces/test_definitions.py::test_other_doors_see_what_is_not_kept_off_them",
        "no_cli": "faces/test_definitions.py::test_a_task_that_is_kept_off_the_command_line_is_not_there",
        "no_mcp": "faces/test_definitions.py::test_other_doors_see_what_is_not_kept_off_them",
        "access": "faces/test_rights.py::test_a_tasks_own_rules_allow_more_or_less_than_the_role",
        "admin_only": "faces/test_rights.py::test_a_task_is_kept_off_the_doors_that_it_names_whoever_comes",
    },
    "options": {
        "delay": "engine/test_app.py::test_options_of_a_call_change_what_happens",
        "run_at": "engine/test_app.py::test_options_of_a_call_change_what_happens",
        "key": "story/test_06_keys.py::test_a_key_finds_the_run_that_is_already_there",
        "dedupe": "engine/test_dedupe.py::test_each_policy_of_a_call_does_what_it_says",
        "tenant": "engine/test_limiter.py::test_tenants_that_come_together_share_a_free_node",
        "priority": "engine/test_app.py::test_options_of_a_call_change_what_happens",
        "queue": "engine/test_worker.py::test_a_node_serves_the_queues_that_it_was_given",
        "retry": "engine/test_app.py::test_options_of_a_call_change_what_happens",
        "timeout": "engine/test_app.py::test_options_of_a_call_change_what_happens",
        "deadline": "core/test_task.py::test_options_become_plain_values",
        "label": "engine/test_app.py::test_options_of_a_call_change_what_happens",
        "connection": "transactions/test_enqueue.py::test_an_async_caller_commits_its_rows_and_its_run_together",
    },
    "service": {
        "name": "core/test_service.py::test_a_definition_is_inert_and_still_the_plain_function",
        "title": "store/test_services.py::test_what_the_code_says_is_written_once_and_what_operators_say_stays",
        "description": "core/test_service.py::test_a_definition_is_inert_and_still_the_plain_function",
        "category": "registry/test_index_lists.py::test_an_index_lists_tasks_by_name_and_category_services_and_the_runner",
        "icon": "core/test_service.py::test_a_definition_is_inert_and_still_the_plain_function",
        "tags": "core/test_service.py::test_a_definition_is_inert_and_still_the_plain_function",
        "danger": "core/test_service.py::test_a_definition_is_inert_and_still_the_plain_function",
        "priority": "registry/test_index_lists.py::test_an_index_lists_tasks_by_name_and_category_services_and_the_runner",
        "enabled": "core/test_service.py::test_what_a_node_does_next",
        "requires": "core/test_service.py::test_everything_that_is_wrong_is_told_at_once_with_field_value_and_remedy",
        "isolation": "engine/test_service_pool.py::test_each_has_a_process_of_its_own_and_takes_no_slot",
        "restart": "engine/test_supervisor.py::test_a_return_is_the_end_unless_the_policy_says_always",
        "backoff": "core/test_service.py::test_the_wait_doubles_and_after_five_restarts_in_the_window_it_has_failed",
        "cap": "core/test_service.py::test_the_wait_has_a_cap_whatever_is_asked",
        "max_restarts": "core/test_service.py::test_never_more_restarts_in_a_window_than_allowed",
        "within": "core/test_service.py::test_never_more_restarts_in_a_window_than_allowed",
        "instances": "engine/test_supervisor.py::test_each_node_has_its_own_and_operators_reach_one_or_all",
        "switch": "engine/test_supervisor.py::test_stop_first_never_has_two_on_a_deploy",
        "ready_timeout": "engine/test_supervisor.py::test_one_that_does_not_get_ready_is_started_anew",
        "stop_within": "engine/test_supervisor.py::test_a_body_that_does_not_listen_is_interrupted_when_its_time_is_over",
        "probe": "engine/test_supervisor.py::test_three_bad_answers_in_a_row_are_a_restart",
        "probe_every": "engine/test_supervisor.py::test_answers_that_never_come_are_bad_answers",
        "probe_failures": "engine/test_supervisor.py::test_three_bad_answers_in_a_row_are_a_restart",
        "on_error": "engine/test_supervisor.py::test_a_service_that_raises_is_started_again_with_growing_waits_until_it_has_failed",
        "on_shutdown": "engine/test_supervisor.py::test_a_stop_fires_the_token_calls_on_shutdown_once_and_waits_for_the_end",
    },
    "app": {
        "url": "transactions/test_complete.py::test_a_body_completes_its_run_together_with_its_effect",
        "discover": "registry/test_discovery.py::test_task_modules_are_found_at_any_depth_and_others_are_not_imported",
        "tasks": "story/test_01_enqueue.py::test_the_urgent_goes_first",
        "isolation": "engine/test_options.py::test_isolation_is_where_bodies_run_that_say_nothing",
        "on_child_start": "engine/test_nursery.py::test_hooks",
        "before_import": "engine/test_nursery.py::test_hooks",
        "on_alert": "engine/test_alerts.py::test_the_apps_function_hears_of_alerts_alone",
        "database": "store/test_dedupe_machine.py::test_random_calls_with_keys_agree_with_the_model_on_every_database",
        "settings": "engine/test_options.py::test_a_setting_reaches_the_node",
    },
    "runner": {
        "role": "engine/test_runner.py::test_the_entry_point_starts_every_loop_of_its_role",
        "queues": "faces/test_worker.py::test_queues_and_concurrency_bound_what_is_claimed",
        "name": "faces/test_worker.py::test_a_burst_does_what_is_ready_and_leaves_what_is_not",
    },
    "setting": {
        "url": "core/test_environment.py::test_the_environments_variables_win_over_the_file_and_arguments_over_all",
        **dict.fromkeys(
            (
                "max_concurrent", "expensive_concurrent", "async_slots", "buffer_size", "log_level", "retention", "retention_completed",
                "keep_last", "lease", "beat", "drain", "grace", "memory_limit", "max_runs_per_child", "runner_environment",
                "side_tasks_enabled",
            ),
            "engine/test_options.py::test_a_setting_reaches_the_node",
        ),
        "isolation": "engine/test_options.py::test_isolation_is_where_bodies_run_that_say_nothing",
        "default_timeout": "engine/test_app.py::test_defaults_come_from_settings",
        "default_retries": "engine/test_app.py::test_defaults_come_from_settings",
        "manifest": "faces/test_definitions.py::test_a_node_without_the_code_lists_validates_and_enqueues_and_never_executes",
        "tracing": "telemetry/test_tracing.py::test_attempts_have_no_spans_where_the_setting_does_not_ask_for_them",
        "metrics": "telemetry/test_metrics.py::test_without_the_setting_nothing_is_measured",
        "health": "faces/test_runner.py::test_a_worker_answers_how_it_is",
        "auto_migrate": "faces/test_runner.py::test_code_and_schema_that_do_not_fit_are_told_and_nothing_is_claimed",
        "files": "engine/test_means.py::test_without_a_place_the_error_says_what_to_set",
        "listen": "faces/test_hosting.py::test_the_setting_says_where_to_answer_and_the_option_says_it_better",
        "base_path": "faces/test_hosting.py::test_a_path_is_kept_before_everything",
        "max_payload": "engine/test_means.py::test_a_cap_of_ones_own",
        "max_upload": "web/test_api_files.py::test_a_form_past_the_cap_is_refused_as_it_arrives",
        "spill": "engine/test_means.py::test_a_payload_past_the_cap_spills_where_that_is_set",
        "runner_enabled": "faces/test_runner.py::test_a_runner_that_is_switched_off_says_so_and_moves_nothing",
        "overlap_prevention": "engine/test_gatekeeper.py::test_prevention_can_be_turned_off_for_a_process",
        "pulse_interval": "faces/test_from_next_vibe.py::test_a_pulse_is_late_by_its_interval",
        "pulse_budget": "engine/test_options.py::test_a_pulse_that_is_not_told_its_budget_has_that_of_the_settings",
        "websocket_enabled": "web/live/test_streams.py::test_without_sockets_they_are_refused_and_all_else_goes_on",
        "access": "web/test_access_guard.py::test_access_says_when_the_printed_address_lets_in",
        "access_token": "web/test_access_guard.py::test_a_token_of_ones_own_outlives_a_restart",
        "hosts": "web/test_access_guard.py::test_a_request_has_to_call_the_house_by_its_name",
        "trusted_proxies": "web/test_access_guard.py::test_what_proxies_say_counts_from_listed_peers_alone",
        "trust_header_user": "web/test_access_guard.py::test_a_header_says_who_asks_where_a_listed_proxy_sends_it",
        "trust_header_groups": "web/test_access_guard.py::test_a_header_says_who_asks_where_a_listed_proxy_sends_it",
        "access_roles": "web/test_access_guard.py::test_a_header_says_who_asks_where_a_listed_proxy_sends_it",
        "access_tenants": "web/test_access_guard.py::test_a_header_says_who_asks_where_a_listed_proxy_sends_it",
        "session_idle": "web/test_access_login.py::test_use_keeps_a_session_alive_and_is_written_once_a_minute",
        "session_life": "web/test_access_login.py::test_a_session_ends_by_itself",
        "oidc_issuer": "web/test_access_oidc.py::test_somebody_of_another_house_comes_in_with_what_configuration_says",
        "oidc_client_id": "web/test_access_oidc.py::test_somebody_of_another_house_comes_in_with_what_configuration_says",
        "oidc_client_secret": "web/test_access_oidc.py::test_somebody_of_another_house_comes_in_with_what_configuration_says",
        "oidc_scopes": "web/test_access_oidc.py::test_what_is_asked_for_and_believed_is_configured",
        "oidc_claim_name": "web/test_access_oidc.py::test_an_address_has_to_be_verified_to_be_a_name",
        "oidc_claim_groups": "web/test_access_oidc.py::test_what_is_asked_for_and_believed_is_configured",
        "vault_keys": "engine/test_stored_secrets.py::test_keys_are_exchanged_one_after_the_other",
        "vault_key_file": "engine/test_stored_secrets.py::test_the_key_may_stand_in_a_file",
        "pulse_secret": "web/test_pulse.py::test_without_a_secret_everybody_is_refused_and_told_why",
    },
}  # fmt: skip

OWNERS: Mapping[str, Callable[..., Any]] = {
    "task": task, "options": Task.options, "service": service, "app": Mainspring.__init__, "runner": Mainspring.runner,
}  # fmt: skip
NOT_OPTIONS = {"self", "fn"}


@cache
def _tests_of(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.scenario("K4", part="each public option has its test")
@pytest.mark.parametrize("owner", OWNERS)
def test_every_option_has_its_test(owner: str) -> None:
    assert OPTIONS[owner].keys() == inspect.signature(OWNERS[owner]).parameters.keys() - NOT_OPTIONS


@pytest.mark.scenario("K4", part="each setting has its test")
def test_every_setting_has_its_test() -> None:
    assert OPTIONS["setting"].keys() == {each.field for each in SETTINGS}


def test_the_tests_are_there() -> None:
    missing = []
    for owner, options in OPTIONS.items():
        for option, where in options.items():
            file, _, name = where.partition("::")
            if not (TESTS / file).exists() or name not in _tests_of(TESTS / file):
                missing.append(f"{owner}.{option}: {where}")
    assert missing == []
