"""The server that every other PostgreSQL test stands on."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import postgres


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    cluster = postgres.Cluster()
    yield cluster
    cluster.close()
    assert not cluster.directory.exists()


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_answers_on_its_socket_and_on_loopback(cluster: postgres.Cluster) -> None:
    assert rows(cluster.url, "SELECT inet_server_addr()") == [(None,)]
    assert rows(cluster.tcp_url, "SELECT host(inet_server_addr())") == [("127.0.0.1",)]


def test_loopback_asks_for_the_password(cluster: postgres.Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        rows(cluster.tcp_url.replace(cluster.password, "guess"), "SELECT 1")


def test_the_default_is_a_version_that_we_support_with_room_for_many_sessions(cluster: postgres.Cluster) -> None:
    assert rows(cluster.url, "SHOW max_connections") == [("200",)]
    assert rows(cluster.url, "SELECT current_setting('server_version_num')::int >= 150000") == [(True,)]


def test_fresh_databases_are_empty_and_their_own(cluster: postgres.Cluster) -> None:
    one, two = postgres.fresh_database(cluster.url), postgres.fresh_database(cluster.tcp_url)
    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE tasks (name text)")
    assert rows(two, "SELECT to_regclass('tasks')") == [(None,)]
    assert urlsplit(two).port == cluster.port


def test_a_template_is_copied_with_its_rows(cluster: postgres.Cluster) -> None:
    template = postgres.fresh_database(cluster.url)
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE tasks AS SELECT 'backup' AS name")
    assert rows(postgres.fresh_database(cluster.url, template=template), "TABLE tasks") == [("backup",)]


def test_dropping_cuts_the_sessions_that_are_left_and_may_be_repeated(cluster: postgres.Cluster) -> None:
    url = postgres.fresh_database(cluster.url)
    with psycopg.connect(url) as left_open:
        postgres.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
    postgres.drop_database(url)


def test_committed_rows_survive_a_crash_on_the_same_urls(cluster: postgres.Cluster) -> None:
    url = postgres.fresh_database(cluster.url)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE tasks AS SELECT 'backup' AS name")
    before = cluster.pid
    cluster.crash()
    with pytest.raises(psycopg.OperationalError):
        rows(url, "SELECT 1")
    cluster.start()
    assert cluster.pid != before
    assert rows(url, "TABLE tasks") == [("backup",)]


def test_nothing_is_left_of_a_server_whose_process_was_killed() -> None:
    code = """
        from tests.postgres import Cluster
        cluster = Cluster()
        print(cluster.tcp_url, cluster.directory, flush=True)
        input()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        url, directory = owner.stdout.readline().split()
        # The guardian keeps stdout too: its end, when everything is gone, is the end of the file.
        owner.send_signal(signal.SIGKILL)
        owner.stdout.read()
    assert not Path(directory).exists()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        rows(url, "SELECT 1")


def test_an_unknown_version_names_those_that_are_there() -> None:
    with pytest.raises(postgres.PostgresUnavailable, match=r"carries versions .*, not 9\n.*make setup"):
        postgres.Cluster(version=9)


def test_another_server_is_taken_from_the_environment(cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(postgres.URL_VARIABLE, cluster.tcp_url)
    assert postgres.server() == cluster.tcp_url


def test_an_unreachable_server_is_a_failure_with_a_remedy_and_without_its_password() -> None:
    with pytest.raises(postgres.PostgresUnavailable, match="MAINSPRING_TEST_POSTGRES_URL") as caught:
        postgres.fresh_database("postgresql://somebody:secret@127.0.0.1:1/postgres")
    assert "secret" not in str(caught.value)
