"""The pages about the code say what is so: their picture, their links, their paths."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for place in ("*.md", "docs/**/*.md", "benchmarks/**/*.md")
    for path in ROOT.glob(place)
    if "node_modules" not in path.parts
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
ROOMS = "tune_app|analysis|trainables|search_spaces|benchmarks|tests|docs"
PATH = re.compile(rf"`((?:{ROOMS})/[\w./-]*)`")


def test_the_picture_is_drawn_from_the_contracts_as_they_are():
    script = runpy.run_path(str(ROOT / ".ci" / "architecture.py"))
    assert script["PAGE"].read_text() == script["drawn_page"](), "run make architecture"


def test_every_room_says_what_it_holds():
    script = runpy.run_path(str(ROOT / ".ci" / "architecture.py"))
    floors = script["read_floors"]()
    rooms = [(p, room) for p in floors if p for floor in floors[p] for room in floor]
    assert [room for room in rooms if not script["sentence"](*room)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_or_names_is_there(page):
    text = page.read_text()
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    linked = [page.parent / link for link in LINK.findall(prose) if "://" not in link]
    named = [ROOT / path for path in PATH.findall(text) if not re.search(r"/x\.|/\.", path)]
    assert [str(path) for path in linked + named if not path.exists()] == []
