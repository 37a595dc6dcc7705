"""What Django promises of a backend, and what this one promises beyond."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction
from django.test import TransactionTestCase, override_settings

from mainspring.django import get_app
from mainspring.django.compat import TaskResultDoesNotExist, task_enqueued
from mainspring.django.project import forget_app
from orders import tasks
from orders.models import Order

try:
    from django.tasks.base import TaskResultStatus
    from django.tasks.exceptions import TaskResultMismatch
except ImportError:
    from django_tasks.base import TaskResultStatus
    from django_tasks.exceptions import TaskResultMismatch

HERE = Path(__file__).parent.parent


def manage(*args: str) -> str:
    """Run ``manage.py`` on the test's database, and return what it prints."""
    name = connection.settings_dict["NAME"]
    environment = os.environ | ({"SHOP_DATABASE": f"sqlite:///{name}"} if connection.vendor == "sqlite" else {})
    done = subprocess.run([sys.executable, "manage.py", *args], cwd=HERE, env=environment, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def work() -> None:
    """Let a worker carry out what is ready."""
    manage("mainspring", "worker", "--burst")


class BackendTest(TransactionTestCase):
    """The backend, from enqueue to result."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        manage("mainspring", "migrate")

    @classmethod
    def tearDownClass(cls) -> None:
        forget_app()
        super().tearDownClass()

    def test_a_fresh_result_is_ready_and_knows_its_call(self) -> None:
        heard = []
        task_enqueued.connect(lambda sender, task_result, **rest: heard.append(task_result.id), weak=False, dispatch_uid="heard")
        result = tasks.add.enqueue(1, second=2)
        task_enqueued.disconnect(dispatch_uid="heard")
        self.assertEqual(
            (result.status, result.args, result.kwargs, result.backend), (TaskResultStatus.READY, [1], {"second": 2}, "default")
        )
        self.assertEqual((result.attempts, result.is_finished, result.started_at, heard), (0, False, None, [result.id]))
        self.assertIsNotNone(result.enqueued_at)
        with self.assertRaisesMessage(ValueError, "Task has not finished yet"):
            _ = result.return_value
        again = tasks.add.get_result(result.id)
        self.assertEqual((again.id, again.task, again.args, again.status), (result.id, result.task, [1], TaskResultStatus.READY))
        with self.assertRaises(TaskResultMismatch):
            tasks.fail.get_result(result.id)

    def test_what_cannot_be_enqueued_is_refused_and_leaves_nothing(self) -> None:
        before = len(manage("mainspring", "runs", "list", "--json"))
        with self.assertRaises(TypeError):
            tasks.add.enqueue(object())
        with self.assertRaises(TypeError):
            tasks.add.enqueue(1, third=3)
        for wrong in ({"priority": 101}, {"priority": 1.5}, {"queue_name": "unknown"}, {"run_after": datetime(2030, 1, 1)}):  # noqa: DTZ001
            with self.assertRaises(Exception) as caught:
                tasks.add.using(**wrong)
            self.assertIn("InvalidTask", type(caught.exception).__name__)
        with self.assertRaises(TaskResultDoesNotExist):
            tasks.add.get_result("01900000-0000-7000-8000-000000000000")
        with self.assertRaises(TaskResultDoesNotExist):
            tasks.add.get_result("no id at all")
        self.assertEqual(before, len(manage("mainspring", "runs", "list", "--json")))

    def test_results_come_from_the_worker(self) -> None:
        order = Order.objects.create(customer="Ada")
        confirmed, added, told = tasks.confirm.enqueue(order.pk), tasks.add.enqueue(4), tasks.tell_attempt.enqueue(note="ä")
        failed, unfit, third = tasks.fail.enqueue("zum Glück"), tasks.return_a_set.enqueue(), tasks.succeed_at.enqueue(1)
        later = tasks.add.using(run_after=datetime.now(UTC) + timedelta(hours=1), priority=-50).enqueue(1)
        work()
        for each in (confirmed, added, told, failed, unfit, third, later):
            each.refresh()
        self.assertEqual((confirmed.return_value, added.return_value, told.return_value), ("Dear Ada", 5, [1, told.id, "ä"]))
        self.assertEqual((confirmed.status, confirmed.attempts, third.return_value), (TaskResultStatus.SUCCESSFUL, 1, 1))
        self.assertTrue(confirmed.enqueued_at <= confirmed.started_at <= confirmed.finished_at)
        order.refresh_from_db()
        self.assertTrue(order.is_confirmed)
        self.assertEqual((failed.status, failed.attempts, len(failed.errors)), (TaskResultStatus.FAILED, 1, 1))
        self.assertIs(failed.errors[0].exception_class, ValueError)
        self.assertIn("zum Glück", failed.errors[0].traceback)
        with self.assertRaisesMessage(ValueError, "Task failed"):
            _ = failed.return_value
        self.assertIs(unfit.errors[0].exception_class, TypeError)
        self.assertEqual(later.status, TaskResultStatus.READY)
        kept = tasks.add.get_result(later.id).task
        self.assertEqual((kept.priority, kept.queue_name), (-50, "default"))
        self.assertGreater(kept.run_after, datetime.now(UTC))

    def test_an_enqueue_belongs_to_the_transaction_around_it(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            lost = tasks.add.enqueue(1)
            raise ZeroDivisionError
        with self.assertRaises(TaskResultDoesNotExist):
            tasks.add.get_result(lost.id)
        with transaction.atomic():
            kept = tasks.add.enqueue(1)
        self.assertEqual(tasks.add.get_result(kept.id).status, TaskResultStatus.READY)

    def test_views_place_orders_and_look_at_their_confirmations(self) -> None:
        placed = self.client.post("/orders", {"customer": "Grace"})
        self.assertEqual(placed.status_code, 202)
        shown = self.client.get(f"/confirmations/{placed.json()['confirmation']}")
        self.assertEqual(shown.json(), {"status": "READY", "attempts": 0, "queue": "mail"})
        self.assertEqual(self.client.get("/confirmations/unknown").status_code, 404)
        with self.assertRaises(ValueError):
            self.client.post("/orders", {"customer": "nobody"})
        self.assertFalse(Order.objects.filter(customer="nobody").exists())

    async def test_the_asynchronous_twins(self) -> None:
        result = await tasks.add.aenqueue(2, second=3)
        again = await tasks.add.aget_result(result.id)
        self.assertEqual((again.args, again.kwargs), ([2], {"second": 3}))
        await result.arefresh()
        self.assertEqual(result.status, TaskResultStatus.READY)

    def test_a_run_is_the_engines_as_well(self) -> None:
        result = tasks.add.enqueue(1)
        run = get_app().blocking.status(result.id)
        self.assertEqual((run.task, run.queue, run.origin), ("orders.tasks.add", "default", "api"))
        self.assertIn("orders.tasks.confirm", manage("mainspring", "tasks"))

    def test_the_settings_are_checked(self) -> None:
        call_command("check")
        wrong = {"default": {"BACKEND": "mainspring.django.MainspringBackend", "OPTIONS": {"retries": 3}}}
        with override_settings(TASKS=wrong), self.assertRaisesMessage(Exception, "['OPTIONS']['retries'] is unknown"):
            from mainspring.django.compat import task_backends

            errors = list(task_backends["default"].check())
            raise AssertionError(errors[0].msg)
        for settings, message in (
            ({}, "needs one of"),
            ({"DATABASE": "other"}, "is no alias"),
            ({"URL": "sqlite://", "Retries": 3}, "is unknown"),
        ):
            forget_app()
            with override_settings(MAINSPRING=settings), self.assertRaisesMessage(Exception, message):
                get_app()
        forget_app()
