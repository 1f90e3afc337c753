#!/usr/bin/env python3
"""Opens HTML reports in a headless Chromium: reads values by pointer, keyboard and finger, toggles legends, follows findings,
and fails on whatever the console says, on any request, and on anything wider than a telephone.

    tests/browser/run.py --closewait target/release/closewait [--keep DIR]

--keep leaves the pages, their screenshots at 1,280 and 400 pixels (light and dark), and a print of each.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from chromium import Browser

EVIL = "</script><script>alert(1)</script>\"'&"
SCENARIO = """
expect = ["leaky: ports.exhausted == true", "late: outcomes.ports_exhausted == 0"]
[base]
arrivals = { constant = { rate = "1000/s" } }
attempts = 1200
ports = "40000-40799"
[[arm]]
name = "leaky"
close = "leaky"
[[arm]]
name = "late"
close = "late:after=200ms"
"""


class Checks:
    def __init__(self):
        self.passed, self.failed, self.page = 0, 0, ""

    def that(self, holds, what, seen=""):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {self.page}: {what}: {seen}")


def play(closewait, work):
    """A real run: a client that leaks its 800 ports, and one that closes late."""
    scenario = work / "browser.toml"
    scenario.write_text(SCENARIO)
    out = work / "real"
    subprocess.run([closewait, "run", scenario, "--quiet", "--out", out], check=False, cwd=work)
    return out


def lines_of(directory):
    return [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]


def rendered(closewait, work, name, events):
    """A result directory of these events, rendered by the program."""
    out = work / name
    out.mkdir()
    (out / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    done = subprocess.run([closewait, "report", out, "--html", "--json", out / "summary.json", "--quiet"], check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{name}: closewait report exited {done.returncode}")
    return out


def with_samples(events, most):
    """The same run with at most so many samples an arm."""
    kept, seen = [], {}
    for event in events:
        if "sample" in event:
            arm = event["sample"]["arm"]
            seen[arm] = seen.get(arm, 0) + 1
            if seen[arm] > most:
                continue
        kept.append(event)
    return kept


def repeated(events, samples):
    """The run's first arm over and over, one after the other in time, until there are so many samples; load comes with every
    tenth turn only, since its histograms would take most of the time."""
    name = next(event["arm_started"]["name"] for event in events if "arm_started" in event)
    body = [e for e in events if e.get("sample", e.get("load", {})).get("arm") == name]
    length = 0.02 + max(e["sample"]["sample"]["at_s"] for e in body if "sample" in e)
    count = sum("sample" in e for e in body)
    yield events[0]
    yield next(e for e in events if "arm_started" in e)
    for turn in range(-(-samples // count)):
        for event in body:
            if "load" in event and turn % 10:
                continue
            event = json.loads(json.dumps(event))
            if "sample" in event:
                event["sample"]["sample"]["at_s"] += turn * length
            else:
                interval = event["load"]["interval"]
                for key in ("from_s", "to_s", "schedule_s", "last_start_s"):
                    interval[key] += turn * length
                for part in interval.get("connects", []):
                    part["at_s"] += turn * length
            yield event
    yield next(e for e in events if "arm_ended" in e)
    yield events[-1]


def renamed(events):
    """The same run with an arm whose name would like to be markup."""
    text = json.dumps(events)
    return json.loads(text.replace(json.dumps("leaky"), json.dumps(EVIL)))


RECT = """(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center', behavior: 'instant'});
  const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"""
TIP = """[...document.querySelectorAll('#%s .tip:not([hidden]) div')].map(r => [r.dataset.name, Number(r.dataset.value),
  r.querySelector('em') && r.querySelector('em').textContent])"""
DATA = "JSON.parse(document.getElementById('data').textContent).figures"


def box(browser, selector):
    return browser.value(RECT % json.dumps(selector))


def tip(browser, panel):
    return {name: (value, text) for name, value, text in browser.value(TIP % panel)}


def hover(browser, panel, share):
    left, top, width, height = box(browser, f"#{panel} .plot")
    browser.move(left + width * share, top + height / 2)
    return tip(browser, panel)


def panel_data(browser, panel):
    return browser.value(f"{DATA}.flatMap(f => f.panels).find(p => p.id === {json.dumps(panel)})")


def looks_right(checks, browser):
    """What holds for every page at every width."""
    for width in (1280, 400):
        browser.size(width)
        wide = browser.value("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        checks.that(wide[0] <= wide[1], f"nothing is wider than the page at {width}", wide)
        small = browser.value("""[...document.querySelectorAll('body *:not(script)')].filter(e => e.childNodes.length && [...e.childNodes]
          .some(n => n.nodeType === 3 && n.textContent.trim())).map(e => parseFloat(getComputedStyle(e).fontSize)).filter(s => s < 11.9).length""")
        checks.that(small == 0, f"no text is smaller than 12 pixels at {width}", small)
        over = browser.value("""[...document.querySelectorAll('.xs')].map(row => { const seen = [...row.children].filter(e => e.offsetWidth)
          .map(e => e.getBoundingClientRect()); return seen.some((b, i) => i && b.left < seen[i - 1].right); }).filter(Boolean).length""")
        checks.that(over == 0, f"no tick's text lies on another's at {width}", over)


CONTRAST = """((names, against) => { const probe = document.createElement('i'); document.body.append(probe);
  const light = name => { probe.style.color = `var(${name})`; const rgb = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3)
    .map(c => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; }); return .2126 * rgb[0] + .7152 * rgb[1] + .0722 * rgb[2]; };
  const ratios = names.map(n => { const [a, b] = [light(n), light(against)].sort((x, y) => y - x); return (a + .05) / (b + .05); });
  probe.remove(); return Math.min(...ratios); })(%s, %s)"""


def contrast(checks, browser):
    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        for names, against, least in (
            ([f"--c{n}" for n in range(10)], "--card", 3.0),
            (["--ink", "--soft", "--link", "--good", "--bad", "--warn"], "--card", 4.5),
            (["--ink", "--soft", "--link"], "--ground", 4.5),
            (["--good"], "--good-paper", 4.5), (["--bad"], "--bad-paper", 4.5), (["--warn"], "--warn-paper", 4.5),
        ):
            ratio = browser.value(CONTRAST % (json.dumps(names), json.dumps(against)))
            checks.that(ratio >= least, f"{scheme}: {names} on {against} have {least}:1", ratio)
    browser.scheme("light")


def values(checks, browser, summary):
    """What the plots tell under the pointer is what the summary says."""
    browser.size(1280)
    leaky = next(arm for arm in summary["arms"] if arm["close"] == "leaky")
    index = summary["arms"].index(leaky)
    # The end of the run: every port is held in CLOSE_WAIT.
    seen = hover(browser, f"sockets-{index}-client", 0.995)
    final = leaky["sockets"]["client"]["close_wait"]["final"]
    checks.that(seen.get("CLOSE_WAIT") == (final, f"{final:,}"), "CLOSE_WAIT at the end is the summary's", (seen, final))
    seen = hover(browser, "ports-all", 0.5)
    checks.that(seen["available"][0] == leaky["ports"]["available"], "ports available are the summary's", seen)
    peak = max(y for s in panel_data(browser, "ports-all")["series"] if s["name"] == leaky["name"] for y in s["ys"])
    checks.that(peak == leaky["ports"]["peak"], "the peak of the ports is drawn", (peak, leaky["ports"]["peak"]))
    # Percentiles: 99 % stands at 2 of so many nines, and the summary has the same value in its table.
    panel = panel_data(browser, f"percentiles-{index}")
    seen = hover(browser, f"percentiles-{index}", 2 / panel["x"]["max"])
    for phase in ("connect", "login", "total"):
        told, said = seen[phase][0], leaky["latency_ms"][phase]["p99"]
        checks.that(abs(told / said - 1) < 0.002, f"p99 of {phase} is the summary's", (told, said))
    # Every place of every panel: what the tip says is in the data.
    for panel in browser.value(f"{DATA}.flatMap(f => f.panels.map(p => p.id))"):
        data = panel_data(browser, panel)
        if not data["series"]:
            continue
        for share in (0.03, 0.25, 0.51, 0.77, 0.97):
            seen = hover(browser, panel, share)
            # Where every stacked series is zero there is nothing to tell.
            checks.that(None not in seen or data["stacked"], f"{panel}: the pointer finds a value at {share}", seen)
            for name, (value, text) in seen.items():
                if name is None:
                    continue
                known = [y for series in data["series"] if series["name"] == name for y in series["ys"]]
                checks.that(value in known, f"{panel}: {name} at {share} is a value of the data", value)
                checks.that(bool(text), f"{panel}: {name} reads", text)
    # Outcomes add up to the attempts: levels by their widths.
    data = panel_data(browser, f"outcomes-{index}")
    edges = data["xs"][0]
    widths = [b - a for a, b in zip(edges, edges[1:])]
    total = sum((y or 0) * w for series in data["series"] for y, w in zip(series["ys"], widths))
    checks.that(abs(total / leaky["attempts"] - 1) < 0.03, "outcomes add up to the attempts", (total, leaky["attempts"]))


def keyboard(checks, browser):
    panel = "sockets-0-client"
    # The page scrolls to what has the focus, and a plot that comes to lie under the pointer is pointed at.
    browser.move(1, 1)
    browser.value(f"document.querySelector('#{panel} .plot').focus()")
    browser.key("Home")
    first = browser.value(f"document.querySelector('#{panel} .tip b').textContent")
    browser.key("ArrowRight")
    second = browser.value(f"document.querySelector('#{panel} .tip b').textContent")
    browser.key("End")
    last = browser.value(f"document.querySelector('#{panel} .tip b').textContent")
    checks.that(len({first, second, last}) == 3, "the arrow keys move through the values", (first, second, last))
    lines = browser.value("[...document.querySelectorAll('.cursor')].filter(c => !c.hidden).length")
    checks.that(lines > 3, "one time is shown in every plot over time", lines)
    browser.key("Escape")
    checks.that(tip(browser, panel) == {}, "Escape puts the values away")


def legend(checks, browser):
    """CLOSE_WAIT away: what is left fills the height; and back again, as it was."""
    path = "document.querySelector('#sockets-0-client svg path.c1').getAttribute('d')"
    ticks = "[...document.querySelectorAll('#sockets-0-client .ys span')].map(s => s.textContent)"
    before = browser.value(f"[{path}, {ticks}]")
    button = '#sockets .legend button[data-key="close_wait"]'
    left, top, width, height = box(browser, button)
    browser.click(left + width / 2, top + height / 2)
    pressed = browser.value(f"document.querySelector('{button}').getAttribute('aria-pressed')")
    gone = browser.value("getComputedStyle(document.querySelector('#sockets-0-client svg path.c1')).display")
    checks.that((pressed, gone) == ("false", "none"), "a series is toggled away", (pressed, gone))
    checks.that("CLOSE_WAIT" not in hover(browser, "sockets-0-client", 0.9), "and is not told any more")
    rescaled = browser.value(ticks)
    checks.that(rescaled != before[1], "the rest fills the height", rescaled)
    left, top, width, height = box(browser, button)
    browser.click(left + width / 2, top + height / 2)
    after = browser.value(f"[{path}, {ticks}]")
    checks.that(same(before[0], after[0]), "toggled back, the script draws what the page had", (before[0][:80], after[0][:80]))
    checks.that(before[1] == after[1], "with the same ticks", (before[1], after[1]))


def same(one, other):
    """Two paths with the same numbers."""
    one, other = ([float(n) for n in re.findall(r"[\d.]+", path)] for path in (one, other))
    return len(one) == len(other) and all(abs(a - b) < 0.11 for a, b in zip(one, other))


def redrawn(checks, browser):
    """The script's plots are the page's own: every path, of every figure, after a toggle there and back."""
    paths = "[...document.querySelectorAll('svg path.line, svg path.area, svg path.dots')].map(p => p.getAttribute('d'))"
    before = browser.value(paths)
    browser.value("document.querySelectorAll('.legend').forEach(l => { const b = l.querySelector('button'); b.click(); b.click(); })")
    after = browser.value(paths)
    differ = [i for i, (a, b) in enumerate(zip(before, after)) if not same(a, b)]
    checks.that(len(before) == len(after) and not differ, "the script draws as the program does",
                [(before[i][:90], after[i][:90]) for i in differ[:2]])


def findings(checks, browser, whole):
    links = browser.value("[...document.querySelectorAll('a.show')].map(a => a.getAttribute('href').slice(1))")
    checks.that(len(links) > 0, "findings lead to plots", links)
    for index, panel in enumerate(links):
        browser.value(f"document.querySelectorAll('a.show')[{index}].click()")
        shown = browser.value("[...document.querySelectorAll('.panel.shown')].map(p => p.id)")
        checks.that(shown == [panel], f"finding {index + 1} shows its plot", (shown, panel))
    # Some findings are of a whole plot; of a leak there is a stretch.
    stretches = browser.value("[...document.querySelectorAll('a.show')].filter(a => /, (from|at) /.test(a.textContent)).length")
    bands = browser.value("document.querySelectorAll('.band').length")
    checks.that(bands == stretches and (bands > 0 or not whole), "and the stretch of it", (bands, stretches))
    back = browser.value("[...document.querySelectorAll('a.mark')].every(a => document.querySelector(a.getAttribute('href')))")
    checks.that(back, "marks in plots lead back to their findings")


def finger(checks, browser):
    browser.size(400, 800, touch=True)
    left, top, width, height = box(browser, "#sockets-0-client .plot")
    browser.tap(left + width * 0.8, top + height / 2)
    checks.that(len(tip(browser, "sockets-0-client")) > 0, "a finger reads values too")
    inside = browser.value("""(() => { const t = document.querySelector('#sockets-0-client .tip').getBoundingClientRect();
      return t.left >= 0 && t.right <= innerWidth; })()""")
    checks.that(inside, "and the values are on the screen")
    swatches = browser.value("""(() => { const t = document.querySelector('#sockets-0-client .tip'), b = t.getBoundingClientRect();
      return [...t.querySelectorAll('svg')].every(s => { const r = s.getBoundingClientRect();
        return r.width > 0 && r.width < 40 && r.top > b.top && r.bottom < b.bottom; }); })()""")
    checks.that(swatches, "each beside its own colour")
    browser.size(1280)


def pictures(browser, page, keep):
    for width in (1280, 400):
        for scheme in ("light", "dark"):
            browser.size(width)
            browser.scheme(scheme)
            browser.open(page)
            browser.screenshot(keep / f"{page.parent.name}-{width}-{scheme}.png")
    browser.print(keep / f"{page.parent.name}.pdf")
    browser.scheme("light")


def check(checks, browser, directory, keep, whole):
    page = directory / "report.html"
    checks.page = directory.name
    summary = json.loads((directory / "summary.json").read_text())
    browser.scheme("light")
    browser.size(1280)
    browser.open(page)
    looks_right(checks, browser)
    browser.size(1280)
    if whole:
        contrast(checks, browser)
        values(checks, browser, summary)
        keyboard(checks, browser)
        legend(checks, browser)
        finger(checks, browser)
    if browser.value("document.querySelector('a.show') !== null"):
        findings(checks, browser, whole)
    redrawn(checks, browser)
    complaints = browser.complaints()
    checks.that(complaints == [], "the console is silent, and nobody is asked for anything", complaints)
    size = page.stat().st_size
    checks.that(size < 5_000_000, "it is smaller than 5 MB", size)
    if keep:
        pictures(browser, page, keep)
    print(f"{directory.name}: {size:,} bytes", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--closewait", required=True, type=pathlib.Path)
    arguments.add_argument("--keep", type=pathlib.Path)
    arguments = arguments.parse_args()
    closewait, checks = arguments.closewait.resolve(), Checks()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        keep = arguments.keep
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
        real = play(closewait, work)
        events = lines_of(real)
        pages = [(real, True)]
        pages.append((rendered(closewait, work, "ten-samples", with_samples(events, 10)), False))
        pages.append((rendered(closewait, work, "hundred-thousand-samples", repeated(events, 100_000)), False))
        pages.append((rendered(closewait, work, "evil-names", renamed(events)), False))
        browser = Browser(work / "profile")
        try:
            for directory, whole in pages:
                check(checks, browser, directory, keep, whole)
        finally:
            browser.close()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return checks.failed != 0


if __name__ == "__main__":
    sys.exit(main())
