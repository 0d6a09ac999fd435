"""The command line refuses what makes no sense before anything is started."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import main


@pytest.mark.parametrize("arguments", [["--quick", "--publish"], ["--peer", "nobody"]])
def test_a_senseless_run_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
