"""What code that a file brings along can reach: nothing."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from predictions.sandbox.confine import GUARDS
from tests.sandbox.conftest import RunsHostile

Finds = Callable[..., dict[str, Any]]

TRY = """
def attempt(action):
    try:
        return ["done", repr(action())[:300]]
    except BaseException as error:
        return [type(error).__name__, str(error)]
"""


def test_every_guard_stands_on_this_system(runs_hostile: RunsHostile) -> None:
    with runs_hostile("found['ran'] = True") as result:
        expected = dict.fromkeys(GUARDS, True) | {"other_user": os.geteuid() == 0}
        assert dict(result.guards) == expected
        assert result.value == {"ran": True}


def test_the_environment_holds_no_secret_of_ours(finds: Finds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://desk:secret-word@127.0.0.1/desk")
    found = finds("import os; found['environment'] = dict(os.environ)")["environment"]
    assert "secret-word" not in repr(found)
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PATH", "DJANGO_SETTINGS_MODULE"}.isdisjoint(found)


def test_it_runs_as_another_user_with_no_rights(finds: Finds) -> None:
    found = finds("""
        import os
        found["user"], found["groups"] = os.getuid(), os.getgroups()
        lines = open("/proc/self/status").read().splitlines()
        found["rights"] = [line.split()[1] for line in lines if line.startswith(("CapPrm", "CapEff", "CapInh"))]
        found["no_new"] = [line.split()[1] for line in lines if line.startswith("NoNewPrivs")]
    """)
    assert os.geteuid() != 0 or found["user"] not in (0, os.geteuid())
    assert found["groups"] == [] or os.geteuid() != 0
    assert {int(right, 16) for right in found["rights"]} == {0}
    assert found["no_new"] == ["1"]


def test_files_outside_its_folder_cannot_be_read(finds: Finds, tmp_path: Path, artifacts_dir: Path) -> None:
    secret = tmp_path / "open_to_all.txt"
    secret.write_text("secret-word")
    secret.chmod(0o644)
    (artifacts_dir / "other").write_text("secret-word")
    paths = [str(secret), str(artifacts_dir / "other"), "/etc/passwd", "/proc/1/environ"]
    found = finds(TRY + f"found['tries'] = [attempt(lambda: open(path).read()) for path in {paths!r}]")
    assert [kind for kind, _ in found["tries"]] == ["PermissionError"] * 4


def test_folders_outside_its_own_cannot_be_listed(finds: Finds) -> None:
    root = Path(__file__).resolve().parents[2]
    paths = ["/", "/tmp", "/proc", str(root), str(root / "var"), str(Path.home())]
    found = finds(
        TRY + f"import os\nfound['tries'] = [attempt(lambda: os.listdir(path)) for path in {paths!r}]"
    )
    assert {kind for kind, _ in found["tries"]} == {"PermissionError"}


def test_nothing_can_be_written_outside_its_folder(finds: Finds, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    root = Path(__file__).resolve().parents[2]
    paths = [
        str(tmp_path / "hacked"),
        "/tmp/hacked",
        "/dev/shm/hacked",
        str(root / "predictions" / "hacked.py"),
    ]
    found = finds(TRY + f"found['tries'] = [attempt(lambda: open(path, 'w')) for path in {paths!r}]")
    assert {kind for kind, _ in found["tries"]} == {"PermissionError"}
    assert not any(Path(path).exists() for path in paths)


def test_no_program_can_be_started(finds: Finds, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    found = finds(
        TRY
        + f"""
import os, subprocess, sys
found["shell"] = os.system("touch {tmp_path}/hacked")
found["programs"] = [attempt(lambda: subprocess.run([name])) for name in ("/bin/true", sys.executable)]
"""
    )
    assert os.waitstatus_to_exitcode(found["shell"]) != 0
    assert {kind for kind, _ in found["programs"]} == {"PermissionError"}
    assert not (tmp_path / "hacked").exists()


def test_no_server_can_be_reached_over_the_network(finds: Finds) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        found = finds(
            TRY
            + f"""
import socket
found["loopback"] = attempt(lambda: socket.create_connection(("127.0.0.1", {port}), 1))
found["datagram"] = attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port})))
"""
        )
        with pytest.raises(TimeoutError):
            server.accept()
    assert {kind for kind, _ in found.values()} == {"PermissionError"}


def test_no_local_socket_can_be_reached(finds: Finds, tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    tmp_path.chmod(0o777)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        found = finds(
            TRY
            + f"""
import socket
found["unix"] = attempt(lambda: socket.socket(socket.AF_UNIX).connect({str(path)!r}))
"""
        )
    assert found["unix"][0] == "PermissionError"


def test_no_process_of_ours_can_be_seen_or_stopped(finds: Finds) -> None:
    found = finds(
        TRY
        + f"""
import os
others = [os.getppid(), 1, {os.getpid()}, {os.getppid()}]
found["signals"] = [attempt(lambda: os.kill(process, 9)) for process in others if process != os.getpid()]
found["environments"] = [attempt(lambda: open(f"/proc/{{process}}/environ", "rb").read()) for process in others]
"""
    )
    assert {kind for kind, _ in found["signals"]} <= {"PermissionError", "ProcessLookupError"}
    assert {kind for kind, _ in found["environments"]} <= {"PermissionError", "FileNotFoundError"}


def test_kernel_doors_are_closed(finds: Finds) -> None:
    found = finds("""
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        def refused(*arguments):
            return libc.syscall(*map(ctypes.c_long, arguments)) == -1 and ctypes.get_errno() in (1, 13, 38)
        numbers = {"x86_64": [101, 165, 272, 298, 308, 310, 321, 425], "aarch64": [117, 40, 97, 241, 268, 270, 280, 425]}
        found["refused"] = [refused(number, 0, 0, 0, 0, 0) for number in numbers[os.uname().machine]]
    """)
    assert all(found["refused"])


def test_no_open_file_of_ours_is_inherited(finds: Finds, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        found = finds("""
            import os, stat
            found["kinds"] = []
            for number in range(256):
                try:
                    found["kinds"].append(os.fstat(number).st_mode)
                except OSError:
                    pass
        """)
    kinds = [stat.S_IFMT(mode) for mode in found["kinds"]]
    # Standard input, output, errors, the events pipe; /dev/null is a character device.
    assert set(kinds) <= {stat.S_IFIFO, stat.S_IFCHR}
    assert len(kinds) <= 4


def test_its_folder_is_private_and_gone_afterwards(finds: Finds) -> None:
    found = finds("""
        import os
        found["folder"], found["mode"] = os.getcwd(), os.stat(".").st_mode & 0o777
        open("tmp/kept", "w").write("x")
        os.makedirs("tmp/a/b"); os.chmod("tmp/a", 0)
        found["new"] = os.stat("tmp/kept").st_mode & 0o777
    """)
    assert (found["mode"], found["new"]) == (0o700, 0o600)
    assert not Path(found["folder"]).exists()
