"""Every code block of README and the docs runs as printed.

A `sh` block is run by bash in the page's folder; a `yaml` or `python` block whose first line is a comment with a file
name is written there; other `python` blocks are executed. Blocks that only install software are listed, not run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest
from layers import ROOT
from server_client import open_server

from react1.pipeline.server.renderers import mark_source

pytestmark = pytest.mark.slow

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
INSTALLS = ("pip ", "python3 -m venv", ".venv/bin/pip", "make ", "git clone", "apt-get", "cp -r ")
"""A block all of whose lines begin so changes the machine and is not run."""
FENCE = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"^# ([\w./-]+\.(?:yaml|py|csv|edl))\b")
RUN = ("sh", "yaml", "python")
SHOWN = ("text", "json", "mermaid")
"""Languages of blocks that show output or structure."""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the block is, or ""."""
        match = FILE_NAME.match(self.text)
        return match.group(1) if match and self.language in ("yaml", "python") else ""

    @property
    def installs(self) -> bool:
        """Whether it only installs software."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        return self.language == "sh" and all(line.startswith(INSTALLS) for line in lines)


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = (ROOT / page).read_text("utf-8")
    return [
        Block(text.count("\n", 0, match.start()) + 1, match.group(2), match.group(3)) for match in FENCE.finditer(text)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_has_a_language_that_is_run_or_shown(page):
    """A block without a language would escape the test below."""
    fences = re.findall(r"^ *```(\w*)", (ROOT / page).read_text("utf-8"), re.MULTILINE)

    assert set(fences[::2]) <= {*RUN, *SHOWN}, f"{page}: {set(fences[::2]) - {*RUN, *SHOWN}}"


@pytest.mark.skipif(sys.platform == "win32", reason="the examples are for a POSIX shell")
@pytest.mark.parametrize("page", [page for page in PAGES if any(block.language in RUN for block in blocks(page))])
def test_the_blocks_of_a_page_run_as_printed(page, interview, environment, tmp_path):
    """In their order, in one folder."""
    folder = tmp_path / "page"
    shutil.copytree(interview, folder)
    (folder / "react1-demo").mkdir()  # `react1 demo` makes its clip once; to make it is a minute's work
    shutil.copy(folder / "interview.mp4", folder / "react1-demo" / "talking.mp4")
    with open_server(tmp_path / "server", {"engine": "mark"}, renderer=mark_source) as client:
        hosts = {"REACT1_SEGMIND_URL": client.url, "REACT1_SEGMIND_UPLOAD_URL": client.url}
        for block in blocks(page):
            if block.language not in RUN or block.installs:
                continue
            if block.file:
                (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.file).write_text(block.text)
                continue
            if block.language == "yaml":
                pytest.fail(f"{page}:{block.line}: name the file in the first line: # NAME.yaml")
            words = ["bash", "-e", "-c", block.text] if block.language == "sh" else ["python", "-c", block.text]
            ran = subprocess.run(
                words, cwd=folder, env={**environment, **hosts}, capture_output=True, text=True, timeout=600
            )
            assert ran.returncode == 0, (
                f"{page}:{block.line}: exit {ran.returncode}\n{block.text}\n{ran.stdout}{ran.stderr}"
            )


def test_a_block_that_installs_is_distinguished_from_one_that_runs():
    """Only blocks all of whose lines install are left out."""
    assert Block(1, "sh", "pip install x\nmake demo\n").installs
    assert not Block(1, "sh", "pip install x\nreact1 plan job.yaml\n").installs
    assert not Block(1, "python", "pip = 1\n").installs
