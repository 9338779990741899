"""The pages that commands write, opened in a real browser: at the widths of a phone, a laptop and a large screen, light and dark, nothing
sticks out to the side, no letter is too small or too pale.

Skipped where the browser is missing: pip install playwright; apt-get install chromium."""
import importlib.util
import itertools
import json
import shutil
import unittest

from harness import SOURCE, InFolder, laser

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (400, 1280, 1920)
SINGLE = next((SOURCE / "results" / "table4").glob("laser_power-1_seed-1_*"))  # a run

# What is wrong with a page whose folds are open, a sentence each.
FAULTS = r"""() => {
  const faults = [];
  const width = document.scrollingElement.scrollWidth;
  if (width > innerWidth) faults.push(`the page is ${width} wide`);
  const channels = color => color.match(/[\d.]+/g).slice(0, 3).map(value => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = color => { const [r, g, b] = channels(color); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!/, 0\)$/.test(color) && color !== "transparent") return color;
    }
    return "rgb(255, 255, 255)";
  };
  for (const element of document.querySelectorAll("main *:not(svg *)")) {
    const what = `<${element.tagName.toLowerCase()} class="${element.className.baseVal ?? element.className}">`;
    const box = element.closest(".box");
    if (!box && element.getBoundingClientRect().right > innerWidth + 0.5) faults.push(`${what} sticks out`);
    if (!box && element.matches("table, svg")) faults.push(`${what} is in no box`);
    if (box && element.matches("caption, .caption, figcaption")) faults.push(`${what} scrolls with its box`);
    if (![...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
    const style = getComputedStyle(element);
    if (parseFloat(style.fontSize) < 12) faults.push(`${what} has letters of ${style.fontSize}`);
    const [pale, full] = [luminance(style.color), luminance(behind(element))].sort((a, b) => a - b);
    const contrast = (full + 0.05) / (pale + 0.05);
    if (contrast < 4.5) faults.push(`${what} has a contrast of ${contrast.toFixed(1)}`);
  }
  for (const svg of document.querySelectorAll("figure svg")) {
    const letters = 10 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    if (letters < 9) faults.push(`a figure has letters of ${letters.toFixed(1)}px`);
  }
  return [...new Set(faults)];
}"""


@unittest.skipUnless(BROWSER and importlib.util.find_spec("playwright"), "no Chromium, or no playwright")
class Pages(InFolder):
    @classmethod
    def setUpClass(cls):
        from playwright.sync_api import sync_playwright

        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()

    def faults(self, page):
        """By width and scheme."""
        found = {}
        for width, scheme in itertools.product(WIDTHS, ("light", "dark")):
            context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            tab = context.new_page()
            problems = []
            tab.on("console", lambda message, to=problems: to.append(message.text))
            tab.goto(page.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
            problems += tab.evaluate(FAULTS)
            if problems:
                found[width, scheme] = problems
            context.close()
        return found

    def report(self, *folders):
        out = self.folder / "report"
        done = laser("report", *folders, "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out / "report.html"

    def test_reports_fit(self):
        links = SOURCE / "results" / "links"
        for folders in ([SOURCE / "results" / "table4"], [links / "k-16-short" / "final", links / "k-16-long" / "final"], [SINGLE],
                        [SOURCE / "results" / "fig6-small"]):
            with self.subTest(folders[0].name):
                self.assertEqual(self.faults(self.report(*folders)), {})

    def test_what_sticks_out_and_what_is_pale_is_noticed(self):
        page = self.report(SINGLE)
        text = page.read_text()
        for right, wrong, fault in ((".box { overflow-x: auto; }", "", "the page is"), ("--soft: #55636f;", "--soft: #c0c8d0;", "contrast"),
                                    ("--soft: #a3afba;", "--soft: #404a54;", "contrast"), ("font-size: 0.88rem;", "font-size: 0.6rem;", "letters")):
            self.assertIn(right, text)
            page.write_text(text.replace(right, wrong))
            self.assertIn(fault, json.dumps(list(self.faults(page).values())), right)

    def test_pages_of_studies_fit(self):
        out = self.folder / "tune"
        done = laser("tune", "laser", "zsgd", "mnist", "power=1,10", "epochs=1", "rank=2", "workers=4", "batch_size=500", "--rates", "2",
                     "--lowest", "0.01", "--highest", "0.1", "--seeds", "2", "--targets", "60,70", "--quiet", "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.faults(out / "report" / "report.html"), {})

    def test_pages_of_measurements_fit(self):
        for name, command in (("verify", ["theory", "verify", "--quick"]), ("bench", ["bench", "--quick", "--only", "noise"])):
            out = self.folder / name
            done = laser(*command, "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.faults(out / f"{name}.html"), {})


if __name__ == "__main__":
    unittest.main()
