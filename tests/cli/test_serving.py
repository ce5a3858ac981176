"""``gnomon serve``, ``node`` and ``web``: processes that stay, and how they end."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Gnomon, process, reading
from tests.processes import wait_until

APPLICATION = """
import os, time
from pathlib import Path
from gnomon import Scheduler, current_run
from gnomon.executors import run_command

scheduler = Scheduler("sqlite:///serve.db")

@scheduler.job("cron", hour=3, timezone="Europe/Berlin")
def nightly():
    Path("nightly.txt").write_text("done")

@scheduler.job("cron", hour=3)
def two_seconds():
    Path("started.txt").write_text("")
    time.sleep(2)
    Path("ended.txt").write_text("")

@scheduler.job("cron", hour=3)
def for_ever():
    Path("started.txt").write_text("")
    while True:
        time.sleep(1)

scheduler.register(run_command, "cron", id="command", hour=3, executor="command",
    kwargs={"command": "echo $$ > pid.txt; sleep 300"})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the application in ``app.py``; an earlier test's is another one."""
    monkeypatch.delitem(sys.modules, "app", raising=False)
    (tmp_path / "app.py").write_text(APPLICATION)
    monkeypatch.setenv("GNOMON_STORE", f"sqlite:///{tmp_path}/serve.db")
    return tmp_path


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str) -> Any:
    """What the API answers, ``None`` while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except (urllib.error.URLError, ConnectionError):
        return None


def asked(port: int, path: str, **headers: str) -> tuple[int, Any]:
    """Status and JSON of what the API answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


def wait_for_api(port: int, served: subprocess.Popen[str]) -> None:
    """Until it answers."""

    def answers() -> bool:
        assert served.poll() is None, served.communicate()[1]
        return get(port, "/health") is not None

    wait_until(answers, what="the API")


def test_a_change_from_another_process_outlives_kill_9(gnomon: Gnomon, folder: Path) -> None:
    port = free_port()
    with process("serve", "app.py", "--port", str(port), cwd=folder) as served:
        wait_for_api(port, served)
        assert get(port, "/api/scheduler/jobs/nightly")["source"] == "code"
        assert gnomon("set", "nightly", "crontab", "15 5 * * *", "--yes").code == 0
        assert gnomon("pause", "two_seconds").code == 0
        seen = get(port, "/api/scheduler/jobs/nightly")
        assert (seen["trigger_args"]["expression"], seen["timezone"]) == ("15 5 * * *", "Europe/Berlin")
        served.kill()
    with process("serve", "app:scheduler", "--port", str(port), cwd=folder) as served:
        wait_for_api(port, served)
        again = get(port, "/api/scheduler/jobs/nightly")
        assert (again["trigger_args"], again["token"]) == (seen["trigger_args"], seen["token"])
        assert again["next_run_time"] == seen["next_run_time"]
        assert get(port, "/api/scheduler/jobs/two_seconds")["state"] == "paused"
        assert gnomon("run", "nightly", "--wait").code == 0
    assert (folder / "nightly.txt").read_text() == "done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_waits_for_what_runs(gnomon: Gnomon, folder: Path, number: signal.Signals) -> None:
    with process("node", "app.py", cwd=folder) as node:
        wait_until((folder / "serve.db").exists)
        wait_until(lambda: gnomon("run", "two_seconds").code == 0)
        wait_until((folder / "started.txt").exists)
        node.send_signal(number)
        assert node.wait(timeout=30) == 0
        assert (folder / "ended.txt").exists()
        assert "stopping when 1 running jobs have ended" in node.stderr.read()  # type: ignore[union-attr]
    assert gnomon("runs", "--json").json[0]["state"] == "succeeded"


def test_the_second_signal_ends_what_can_be_ended(gnomon: Gnomon, folder: Path) -> None:
    with process("serve", "app.py", "--port", "0", cwd=folder) as served:
        wait_until((folder / "serve.db").exists)
        wait_until(lambda: gnomon("run", "command").code == 0)
        wait_until(lambda: (folder / "pid.txt").exists() and (folder / "pid.txt").read_text().strip())
        served.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert served.poll() is None
        served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=120) == 0  # the command would take 300 seconds
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid.txt").read_text()), 0)
    assert gnomon("runs", "--json").json[0]["state"] == "cancelled"


def test_the_second_signal_ends_the_process_even_if_a_job_does_not(gnomon: Gnomon, folder: Path) -> None:
    with process("node", "app.py", cwd=folder) as node:
        wait_until((folder / "serve.db").exists)
        wait_until(lambda: gnomon("run", "for_ever").code == 0)
        wait_until((folder / "started.txt").exists)
        node.send_signal(signal.SIGINT)
        time.sleep(0.5)
        node.send_signal(signal.SIGINT)
        assert node.wait(timeout=30) == 1


def test_a_port_that_is_taken_is_told_with_a_remedy_and_nothing_is_started(gnomon: Gnomon, folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = gnomon("serve", "app.py", "--port", str(port))
    assert result.code == 1
    assert f"port {port}: address already in use" in result.err
    assert f"--port {port + 1}" in result.err
    assert not (folder / "serve.db").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_addresses_that_others_reach_are_refused(gnomon: Gnomon, folder: Path, host: str) -> None:
    result = gnomon("serve", "app.py", "--host", host, "--port", "0")
    assert result.code == 2
    assert result.err.startswith("gnomon: --host: ")
    assert "token create" in result.err or "give localhost" in result.err
    assert not (folder / "serve.db").exists()


def test_serve_without_anything_to_run_says_what_to_give(gnomon: Gnomon) -> None:
    for command in ("serve", "node"):
        result = gnomon(command)
        assert result.code == 2
        assert "--allow gnomon.executors.commands" in result.err


def test_a_target_has_its_own_store(gnomon: Gnomon, folder: Path) -> None:
    result = gnomon("node", "app.py", "--store", "sqlite:///other.db")
    assert result.code == 2
    assert "its own store" in result.err


def test_web_serves_the_api_without_code_and_fires_nothing(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    port = free_port()
    with process("web", "--store", store, "--port", str(port), cwd=tmp_path) as served:
        wait_for_api(port, served)
        with reading(store) as scheduler:
            expected = scheduler.get_job("nightly")
        found = get(port, "/api/scheduler/jobs/nightly")
        found["as_of"] = expected["as_of"]
        assert found == expected
        with reading(store) as scheduler:
            assert scheduler.store.nodes.all() == []
        served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=30) == 0


@pytest.mark.platform
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, which says how large a process is")
def test_bodies_of_any_size_leave_the_memory_of_the_server_as_it_is(store: str, tmp_path: Path) -> None:
    port, chunk = free_port(), b"x" * 65_536

    def send(*, is_chunked: bool) -> int:
        """A body of 10 MB, from somebody who says beforehand how large it is, or does not."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"If-Match": "*", "Content-Type": "application/json"}
        headers |= {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(160 * len(chunk))}
        try:
            body = (chunk for _ in range(160))
            connection.request("PATCH", "/api/scheduler/jobs/nightly", body, headers, encode_chunked=is_chunked)
            return connection.getresponse().status
        except ConnectionError:  # it hung up before it had heard all
            return 413
        finally:
            connection.close()

    with process("web", "--store", store, "--port", str(port), cwd=tmp_path) as served:
        wait_for_api(port, served)

        def largest() -> int:
            """The most memory that the process has ever had, in KiB."""
            status = Path(f"/proc/{served.pid}/status").read_text(encoding="ascii")
            return int(status.partition("VmHWM:")[2].split()[0])

        assert {send(is_chunked=each) for each in (True, False)} == {413}
        before = largest()
        assert {send(is_chunked=number % 2 == 0) for number in range(20)} == {413}
        assert largest() - before < 4 * 1024
        assert get(port, "/api/scheduler/jobs/nightly")["source"] == "code"


def test_imported_commands_run_on_a_node_without_application_code(gnomon: Gnomon, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/cron.db"
    (tmp_path / "mine").write_text("GREETING=hello\n0 0 1 1 * echo $GREETING, world\n")
    (job,) = gnomon("import-crontab", "mine", "--yes", "--json", "--store", store).json["imported"]
    with process("node", "--allow", "gnomon.executors.commands", "--store", store, cwd=tmp_path):

        def ran() -> bool:
            result = gnomon("run", job["id"], "--wait", "--store", store)
            return "hello, world" in result.out

        wait_until(ran)


def test_others_are_served_once_they_can_say_who_they_are(gnomon: Gnomon, folder: Path) -> None:
    store = f"sqlite:///{folder}/serve.db"
    text = gnomon("token", "create", "--role", "operator", "--name", "mia", "--store", store).out.strip()
    port = free_port()
    options = ["--host", "0.0.0.0", "--port", str(port), "--allowed-host", "jobs.example.org"]
    with process("serve", "app.py", *options, cwd=folder) as served:
        wait_for_api(port, served)
        assert get(port, "/health") == {"status": "ok"}
        assert get(port, "/api/scheduler/jobs") is None
        known = {"Authorization": f"Bearer {text}"}
        for host in ("jobs.example.org", f"127.0.0.1:{port}"):
            assert asked(port, "/api/scheduler/jobs", Host=host, **known)[0] == 200
        assert asked(port, "/api/scheduler/jobs", Host="evil.example", **known)[0] == 400
        assert (
            asked(port, "/api/%0d%0a2026-01-01T00:00:00+0000 INFO gnomon: forged%1b[2J".replace(" ", "%20"))[0] == 401
        )
        gnomon("token", "revoke", "mia", "--store", store)
        assert asked(port, "/api/scheduler/jobs", **known)[0] == 401
        served.send_signal(signal.SIGTERM)
        lines = served.communicate(timeout=30)[1].splitlines()
    assert any("can be read on its way" in line for line in lines)
    assert any("\\r\\n2026-01-01T00:00:00+0000 INFO gnomon: forged\\x1b[2J" in line for line in lines)
    assert not any(line.startswith("2026-01-01T00:00:00+0000") for line in lines)
    assert text not in "".join(lines)


def test_a_proxy_that_is_named_is_enough_too(folder: Path) -> None:
    port = free_port()
    with process(
        "serve", "app.py", "--host", "0.0.0.0", "--port", str(port), cwd=folder, GNOMON_PROXIES="127.0.0.1"
    ) as served:
        wait_for_api(port, served)
        assert asked(port, "/api/scheduler/session", **{"X-Forwarded-User": "mia"}) == (
            200,
            {"name": "mia", "role": "viewer", "how": "proxy", "csrf_token": None},
        )
        assert asked(port, "/api/scheduler/session")[0] == 401


def test_https_is_served_with_a_certificate(folder: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not there: install the package openssl")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem "
        "-subj /CN=localhost -days 2 -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    port = free_port()
    trusting = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    options = ["--port", str(port), "--tls-cert", "cert.pem", "--tls-key", "key.pem"]
    with process("serve", "app.py", *options, cwd=folder) as served:

        def answered() -> bool:
            assert served.poll() is None, served.communicate()[1]
            try:
                connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusting)
                connection.request("GET", "/health")
                answer = connection.getresponse()
            except ConnectionError:
                return False
            assert answer.status == 200
            assert answer.headers["strict-transport-security"]
            answer.read()
            connection.close()
            return True

        wait_until(answered)
        old = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("AES128-SHA:AES256-SHA")
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(plain, server_hostname="localhost")
        served.send_signal(signal.SIGTERM)
        assert "https://127.0.0.1" in served.communicate(timeout=30)[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tls-cert", "nowhere.pem"], "--tls-cert"),
        (["--tls-cert", "app.py"], "PEM"),
        (["--tls-key", "app.py"], "--tls-cert"),
        (["--allowed-host", "https://jobs.example.org"], "--allowed-host"),
    ],
)
def test_what_cannot_be_served_with_is_said_before_anything_is_started(
    gnomon: Gnomon, folder: Path, options: list[str], said: str
) -> None:
    result = gnomon("serve", "app.py", *options)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    assert not (folder / "serve.db").exists()
