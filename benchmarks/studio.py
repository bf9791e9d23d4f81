"""How long the live preview of the studio takes, from the move of a slider to the drawn frame, in a real Chromium.

    python benchmarks/studio.py [FILM] [--moves 50]
    python benchmarks/studio.py --hour

Without a film the demo clip is made in 1080p. The faces of the shown part are searched first, and that time is printed
too: it is what an editor waits for once per five seconds of film. Other work on the machine counts; its load is
printed.

`--hour` makes a film of one hour (a coded piece, again and again, as packets), opens it twice, jumps through it, and
prints when the page was ready, what a jump took, and how much memory the page's process took. CPU time is that of the
server; the search for faces and cuts, which waits while one jumps, is kept out of it. `--keyframes` is the distance
of the film's keyframes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.studio.studio_options import StudioOptions
from react1.pipeline.studio.studio_server import StudioServer

NO_SEARCH = """
  const faces = {share: 0, problem: "", shot: null, faces: []}, cuts = {start: 0, end: 0, cuts: []};
  const send = window.fetch, answers = {faces, cuts};
  window.fetch = (where, ...rest) => {
    const known = answers[/\\/(faces|cuts)[/?]/.exec(where)?.[1]];
    return known ? Promise.resolve(new Response(JSON.stringify(known))) : send(where, ...rest);
  };
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", nargs="?", type=Path)
    parser.add_argument("--moves", type=int, default=50)
    parser.add_argument("--size", default="1440x900")
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--keyframes", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        film = options.film
        if options.hour:
            measure_hour(make_hour(root, options.keyframes), root / "home", options.moves)
            return
        if film is None:
            film = root / "talking.mp4"
            make_demo_clip(film, seconds=2, size=(1920, 1080), progress=lambda _: None)
        else:
            film = Path(shutil.copy(film, root))
        measure(film, root / "home", options.moves, tuple(map(int, options.size.split("x"))))


def make_hour(root: Path, keyframes: int) -> Path:
    """Return a film of one hour, 1280x720 with sound: ten seconds of a test picture, again and again, as packets."""
    piece, film = root / "piece.mp4", root / "films" / "hour.mp4"
    film.parent.mkdir()
    sources = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000"]
    video = [
        "-c:v",
        "libx264",
        "-crf",
        "24",
        "-g",
        str(keyframes),
        "-keyint_min",
        str(keyframes),
        "-pix_fmt",
        "yuv420p",
    ]
    argv = [ffmpeg_path(), "-v", "error", *sources, "-t", "10", *video, "-c:a", "aac", str(piece)]
    subprocess.run(argv, check=True)
    argv = [ffmpeg_path(), "-v", "error", "-stream_loop", "359", "-i", str(piece), "-c", "copy", str(film)]
    subprocess.run(argv, check=True)
    return film


def measure_hour(film: Path, home: Path, moves: int) -> None:
    from playwright.sync_api import sync_playwright

    browser_path = next(path for name in BROWSERS if (path := shutil.which(name)))
    readiness: list[float] = []
    server = thread = None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for _ in range(2):
            if server is not None and thread is not None:
                server.stop()
                thread.join()
            ready = threading.Event()
            server = StudioServer(StudioOptions(home, (film.parent,), film, port=0), ready=lambda _, e=ready: e.set())
            thread = threading.Thread(target=server.run)
            thread.start()
            ready.wait()
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(NO_SEARCH)
            began = time.monotonic()
            page.goto(server.url)
            page.wait_for_selector("canvas[data-shows]")
            readiness.append(time.monotonic() - began)
            if len(readiness) == 1:
                page.close()
        page.wait_for_timeout(3000)
        cpu_s = time.process_time()
        first_ms, exact_ms = zip(*jump(page, moves), strict=True)
        cpu_ms = 1000 * (time.process_time() - cpu_s) / moves
        memory = max(renderer_bytes(browser))
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        browser.close()
    assert server is not None
    assert thread is not None
    server.stop()
    thread.join()
    print(f"a film of one hour, {moves} jumps, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("| one hour | |")
    print("|---|---|")
    print(f"| page ready, nothing cached | {readiness[0]:.1f} s |")
    print(f"| page ready, cached | {readiness[1]:.1f} s |")
    for name, durations in (("a picture near the frame", first_ms), ("the exact frame", exact_ms)):
        ordered = sorted(durations)
        print(f"| from a jump to {name}, median | {statistics.median(ordered):.0f} ms |")
        print(f"| the same, 95th percentile | {ordered[int(0.95 * (len(ordered) - 1))]:.0f} ms |")
    print(f"| CPU time of the server per jump | {cpu_ms:.0f} ms |")
    print(f"| memory of the page's process | {memory / 1e6:.0f} MB |")
    print(f"| of it, JavaScript | {heap / 1e6:.0f} MB |")


def jump(page: Any, moves: int) -> list[tuple[float, float]]:
    """Jump through the film; return the milliseconds from each jump to its first picture, and to its exact frame."""
    script = """async (moves) => {
      const { seek } = await import("/page/viewer.js"), { state } = await import("/page/store.js"), durations = [];
      const canvas = document.querySelector("canvas[data-frame]");
      for (let move = 1; move <= moves; move++) {
        const frame = Math.floor((move * 7919 * 11) % state.film.frames), began = performance.now();
        let first = 0;
        canvas.dataset.shows = "";
        seek(frame);
        while (canvas.dataset.frame !== String(frame)) {
          await new Promise(requestAnimationFrame);
          if (canvas.dataset.shows && !first) first = performance.now() - began;
        }
        durations.push([first || performance.now() - began, performance.now() - began]);
      }
      return durations;
    }"""
    durations: list[tuple[float, float]] = page.evaluate(script, moves)
    return durations


def renderer_bytes(browser: Any) -> list[int]:
    """Return the memory of each process that draws a page, without what it shares with others (Linux)."""
    sizes = []
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    for process in processes:
        if process["type"] == "renderer":
            resident, shared = (Path(f"/proc/{process['id']}/statm").read_text().split()[n] for n in (1, 2))
            sizes.append((int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE"))
    return sizes


def measure(film: Path, home: Path, moves: int, size: tuple[int, ...]) -> None:
    from playwright.sync_api import sync_playwright

    browser_path = next(path for name in BROWSERS if (path := shutil.which(name)))
    ready = threading.Event()
    server = StudioServer(StudioOptions(home, (film.parent,), film, port=0), ready=lambda _: ready.set())
    thread = threading.Thread(target=server.run)
    thread.start()
    ready.wait()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": size[0], "height": size[1]})
            began = time.monotonic()
            page.goto(server.url)
            page.wait_for_selector("canvas[data-shows]")
            first_picture_s = time.monotonic() - began
            page.wait_for_selector("canvas[data-shows=preview]", timeout=300_000)
            first_preview_s = time.monotonic() - began
            page.wait_for_selector("expression-panel[data-cards]", timeout=300_000)
            page.wait_for_timeout(1000)
            cpu_s = time.process_time()
            durations = move_slider(page, moves)
            cpu_ms = 1000 * (time.process_time() - cpu_s) / moves
            shown = page.evaluate("(() => { const c = document.querySelector('.stage-film canvas');"
                                  " return [c.width, c.height]; })()")  # fmt: skip
            browser.close()
    finally:
        server.stop()
        thread.join()
    report(durations, first_picture_s, first_preview_s, cpu_ms, shown)


def move_slider(page: Any, moves: int) -> list[float]:
    """Move the temperature as a hand does, wait for each frame, and return the milliseconds from input to picture."""
    script = """async (moves) => {
      const slider = document.getElementById('temperature'), durations = [];
      for (let move = 0; move < moves; move++) {
        performance.clearMeasures();
        slider.value = String(0.2 + 0.7 * Math.abs(((move * 7) % 50) / 50 - 0.5));
        const began = performance.now();
        const drawn = new Promise((done) => {
          const shown = () => performance.getEntriesByName('preview').length;
          const look = () => shown() ? done(0) : requestAnimationFrame(look);
          look();
        });
        slider.dispatchEvent(new Event('input'));
        await drawn;
        durations.push(performance.getEntriesByName('preview')[0].duration);
        await new Promise((done) => setTimeout(done, 60));
      }
      return durations;
    }"""
    durations: list[float] = page.evaluate(script, moves)
    return durations


def report(
    durations: list[float], first_picture_s: float, first_preview_s: float, cpu_ms: float, shown: list[int]
) -> None:
    ordered = sorted(durations)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{len(ordered)} moves of the slider, frame of {shown[0]}x{shown[1]}, {os.cpu_count()} cores, load {load}")
    print("| from input to drawn frame | ms |")
    print("|---|---|")
    for name, share in (("median", 0.5), ("95th percentile", 0.95), ("slowest", 1.0)):
        print(f"| {name} | {ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.0f} |")
    print(f"| mean | {statistics.mean(ordered):.0f} |")
    print(f"| CPU time of the server per move | {cpu_ms:.0f} |")
    print(f"| first picture after opening | {1000 * first_picture_s:.0f} |")
    print(f"| first preview, cold: faces of 5 s searched | {1000 * first_preview_s:.0f} |")


if __name__ == "__main__":
    main()
