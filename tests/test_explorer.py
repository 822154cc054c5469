"""The explorer: one page that needs nothing else, made of recorded data, and showing what these say."""

from __future__ import annotations

import base64
import importlib.util
import itertools
import json
import re
import shutil
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from refinr import planes

FOLDER = Path(__file__).parent.parent / "tutorials" / "explorer"
PAGE = FOLDER / "explorer.html"
TEXT = PAGE.read_text(encoding="utf-8")
RECORDED = json.loads((FOLDER / "recorded.json").read_text(encoding="utf-8"))
SAMPLES = RECORDED["side"] ** 2
each = pytest.mark.parametrize("signal", RECORDED["signals"], ids=lambda signal: signal["title"])


def module(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def unpacked(text, dtype="uint8"):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def wrong_planes(signal, way):
    """(steps, B, samples) of 0 and 1."""
    packed = unpacked(way["wrong"]).reshape(len(RECORDED["steps"]), signal["bits"], -1)
    return np.unpackbits(packed, axis=-1)


def rates(signal, way):
    return wrong_planes(signal, way).mean(axis=-1)  # (steps, B)


# --- what is recorded ------------------------------------------------------------------------------------------------


@each
def test_the_record_ends_exact_and_when_it_says(signal):
    steps = np.array(RECORDED["steps"])
    assert (np.diff(steps) > 0).all()
    for way in signal["ways"]:
        wrong = rates(signal, way).sum(axis=1)
        assert wrong[-1] == 0
        assert None not in way["until"]
        assert ((wrong == 0) == (steps >= way["until"][0])).all()


@each
def test_the_record_says_what_the_page_says_of_it(signal):
    direct, cut, _ = (rates(signal, way) for way in signal["ways"])
    coins = (direct > 0.4).sum(axis=0)  # kept steps for which a plane stays coin tosses
    assert (np.diff(coins) <= 0).all(), "direct regression: the high planes first"
    waiting = [(these > 0.1).sum(axis=0) for these in (direct, cut)]  # kept steps before a plane is nearly right
    spread = [np.ptp(these) for these in waiting]
    assert spread[1] < spread[0] / 2, "planes come together"
    first, second, third = (np.array(way["until"]) for way in signal["ways"])
    assert (first > 2.5 * second).all()
    assert (second > 2 * third).all()
    parameters = [way["parameters"] for way in signal["ways"]]
    assert 0.97 < parameters[0] / parameters[1] <= 1


def test_recording_again_begins_alike():
    recorder = module("record")
    signal = recorder.pictures()[0]
    tiles, bits = recorder.tiles_of(signal.codes), 10
    assert np.array_equal(recorder.picture_of(tiles), signal.codes)
    assert np.array_equal(unpacked(RECORDED["signals"][0]["codes"], "<u2").reshape(signal.codes.shape), signal.codes)
    for way, kept in zip(recorder.WAYS, RECORDED["signals"][0]["ways"], strict=True):
        found = list(itertools.islice(way.decisions(signal, tiles, bits, 0), 3))
        wrong = planes.to_planes(np.array([recorder.picture_of(codes ^ tiles).ravel() for codes in found]), bits)
        again = wrong.swapaxes(1, 2)  # steps 0 to 2 are the first three that are kept
        assert (again != wrong_planes(RECORDED["signals"][0], kept)[:3]).mean() < 0.002  # but for rounding
        assert way.size(bits) == (kept["parameters"], kept["million"])
        assert (way.title, way.about) == (kept["title"], kept["about"])


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_is_built_from_what_is_committed():
    assert module("build").page() == TEXT


def test_the_page_is_one_file_that_needs_nothing_else():
    found = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.extend(
                (tag, name, value) for name, value in attributes if name in ("src", "href", "srcset", "action")
            )

    Finder().feed(TEXT)
    assert found == [("link", "href", "data:,")]
    assert not re.search(r"https?:|@import|url\(|fetch\(|import\(", TEXT)
    assert len(TEXT.encode()) < 1_500_000


@each
def test_its_script_unpacks_what_was_packed(signal):
    from py_mini_racer import MiniRacer

    engine = MiniRacer()
    engine.eval(re.search(r'<script id="logic">(.*?)</script>', TEXT, re.DOTALL)[1])
    bits, step = signal["bits"], 12
    codes = unpacked(signal["codes"], "<u2").astype("uint16")
    way = signal["ways"][0]
    each_step = unpacked(way["wrong"]).reshape(len(RECORDED["steps"]), -1)[: step + 1]
    engine.eval(f"const bytes = Uint8Array.from({each_step.ravel().tolist()})")
    engine.eval(f"const codes = Uint16Array.from({codes.tolist()}), shape = {{bits: {bits}, samples: {SAMPLES}}}")
    wrong = wrong_planes(signal, way)[step]  # (B, samples)
    expected = codes ^ planes.from_planes(np.ascontiguousarray(wrong.T), bits, dtype="uint16")
    assert json.loads(engine.eval(f"JSON.stringify(wrongBits(bytes, shape, {step}))")) == wrong.sum(axis=1).tolist()
    assert json.loads(engine.eval(f"JSON.stringify([...codesAt(codes, bytes, shape, {step})])")) == expected.tolist()


def browser():
    """A Chromium, of the system or of Playwright, if there is one."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "chrome")]
    kept = (Path.home() / ".cache" / "ms-playwright").glob("chromium-*/chrome-linux*/chrome")
    return next(iter([*filter(None, found), *map(str, kept)]), None)


def test_the_page_in_a_browser_shows_what_was_recorded():
    """Where there is no browser, its controls are at least in the page; the script above runs anywhere."""
    assert re.findall(r'<(?:select|input|output|button) id="(\w+)"', TEXT) == [
        "signal",
        "view",
        "step",
        "shown",
        "play",
    ]
    if browser():
        drive(browser())


def drive(executable):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: complaints.append(request.url) if "file:" not in request.url else None)
        page.goto(PAGE.as_uri())
        page.wait_for_selector("body[data-ready]")
        slider = page.get_by_label("steps")
        for signal in RECORDED["signals"]:
            page.get_by_label("picture").select_option(signal["title"])
            slider.press("Home")
            for step in (0, 1):
                check(page, signal, step)
                slider.press("ArrowRight")
            slider.press("End")
            check(page, signal, len(RECORDED["steps"]) - 1)
        page.get_by_label("show").select_option("wrong bits")
        assert colours(page, 1, 1) == [[24, 28, 36]], "nothing is wrong at the end"
        page.get_by_role("button", name="play").click()
        page.wait_for_function("document.getElementById('step').value === '2'")
        page.get_by_role("button", name="pause").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"
        assert complaints == []
        chromium.close()


def check(page, signal, step):
    """Text, captions and pixels of all ways after one of the kept steps."""
    assert page.locator("#shown").inner_text() == f"after {RECORDED['steps'][step]}"
    codes = unpacked(signal["codes"], "<u2")
    for number, way in enumerate(signal["ways"], start=1):
        section = page.locator("#ways > section").nth(number)
        assert section.locator("h2").inner_text() == way["title"]
        wrong = wrong_planes(signal, way)[step]
        total = f"{wrong.sum():,} wrong bits" if wrong.any() else "Exact: no wrong bit"
        assert section.locator(".now").inner_text().startswith(total)
        captions = section.locator(".tiles figcaption").all_inner_texts()[1:]
        for plane, caption in zip(reversed(range(signal["bits"])), captions, strict=True):
            share = re.fullmatch(rf"{plane}: ([\d.]+)\s%", caption)[1]
            assert abs(float(share) - 100 * wrong[plane].mean()) <= 0.51
        shown = np.array(pixels(page, number, 1))[:, 0]  # the highest plane
        assert np.array_equal(shown, 255 * ((codes >> (signal["bits"] - 1) & 1) ^ wrong[-1]))


def pixels(page, section, picture):
    """Red, green and blue of every pixel of one of a way's pictures."""
    script = """([s, k]) => {
        const canvas = document.querySelectorAll("#ways > section")[s].querySelectorAll(".tiles canvas")[k];
        return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
    }"""
    return np.array(page.evaluate(script, [section, picture])).reshape(-1, 4)[:, :3].tolist()


def colours(page, section, picture):
    return np.unique(pixels(page, section, picture), axis=0).tolist()
