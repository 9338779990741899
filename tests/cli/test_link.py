"""laser link and what it says about the paper and about recorded runs; power in decibels and snr_db in runs."""
import json
import math
import re
import unittest

from harness import SHORT, SOURCE, InFolder, laser

STREET = ["--tx-dbm", 23, "--distance", 200, "--carrier", "3.5GHz", "--bandwidth", "20MHz", "--noise-figure", 7,
          "--path-loss", "umi"]


class Link(InFolder):
    def json(self, *arguments):
        done = laser(*arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_budget_forwards(self):
        told = self.json("link", *STREET, "--model", "resnet18", "--rank", 4)
        # By hand: 32.4 + 21 log10(sqrt(200^2 + 8.5^2)) + 20 log10(3.5); -173.975 + 73.01 + 7.
        self.assertAlmostEqual(told["path_loss_db"], 91.611, 2)
        self.assertAlmostEqual(told["noise_dbm"], -93.965, 2)
        self.assertAlmostEqual(told["snr_db"], 23 - told["path_loss_db"] - told["noise_dbm"], 9)
        rows = {row["method"]: row for row in told["rows"]}
        for method, row in rows.items():
            self.assertAlmostEqual(row["power"] / row["symbols"] / 10 ** (told["snr_db"] / 10), 1, 9, method)
            self.assertAlmostEqual(row["seconds_per_round"] * 20e6 * 0.84 * 2 / row["symbols"], 1, 9, method)
            self.assertAlmostEqual(row["joules_per_round"] / row["seconds_per_round"], 10 ** (23 / 10) / 1000, 9, method)
        self.assertEqual(rows["zsgd"]["symbols"], 11173962)
        for key in ("power", "seconds_per_round", "joules_per_round"):
            self.assertEqual(told[key], rows["laser"][key])
        # One worker's lambda is D/P, and at equal transmit power that is the same for all linear methods.
        for method in ("laser", "zsgd", "randomk"):
            self.assertAlmostEqual(rows[method]["lambda"] * 10 ** (told["snr_db"] / 10), 1, 9)
        many = self.json("link", *STREET, "--workers", 16)["rows"]
        self.assertAlmostEqual(many[0]["lambda"] * 16 / rows["laser"]["lambda"], 1, 9)

    def test_a_power_asks_for_a_link(self):
        forwards = self.json("link", *STREET)
        power = ["--power", forwards["power"], "--carrier", "3.5GHz", "--path-loss", "umi"]
        for name, key, value, given in (
                ("transmit power", "tx_dbm", 23, ["--distance", "200m"]),
                ("distance", "distance_m", 200, ["--tx-dbm", 23]),
                ("bandwidth", "bandwidth_hz", 20e6, ["--tx-dbm", 23, "--distance", 0.2e3])):
            with self.subTest(name):
                told = self.json("link", *power, *given)
                self.assertAlmostEqual(told[key] / value, 1, 6)
                self.assertAlmostEqual(told["rows"][0][key] / value, 1, 6)
        # At equal P, Z-SGD's symbols are weaker by d/D.
        told = self.json("link", *power, "--distance", 200)
        laser_row, zsgd = told["rows"][0], told["rows"][2]
        self.assertAlmostEqual(laser_row["tx_dbm"] - zsgd["tx_dbm"],
                               10 * math.log10(zsgd["symbols"] / laser_row["symbols"]), 6)
        decibels = self.json("link", "--power", "36dB", "--tx-dbm", 23)
        self.assertAlmostEqual(decibels["power"], 10 ** 3.6, 5)

    def test_what_can_not_be_told_is_refused_with_a_next_step(self):
        self.expect(2, "needs --tx-dbm and --distance, .* HINT", "link")
        self.expect(2, "leaves one of .* open, not two. HINT", "link", "--power", 10)
        self.expect(2, "all given: nothing is left", "link", *STREET, "--power", 10)
        self.expect(3, "'3.5Gz' is not a number above 0 with a unit. HINT: --carrier 3.5GHz", "link", "--tx-dbm", 23,
                    "--distance", 200, "--carrier", "3.5Gz")
        self.expect(3, "path loss 'urban' is unknown: choose free", "link", "--tx-dbm", 1, "--distance", 9, "--path-loss", "urban")
        self.expect(3, "--power is -3", "link", "--power", -3, "--tx-dbm", 23)
        self.expect(3, "unknown model 'bert': choose one of", "link", "--tx-dbm", 1, "--distance", 9, "--model", "bert")
        self.expect(4, "can't read no.safetensors", "link", "--tx-dbm", 1, "--distance", 9, "--model", "no.safetensors")
        self.expect(4, "config|summary|metrics", "link", "--run", self.folder, "--distance", 9)
        self.expect(2, "--run needs a link. HINT", "link", "--run", self.folder)
        self.expect(2, "a run has its power", "link", "--run", self.folder, "--distance", 9, "--tx-dbm", 3)

    def test_the_price_of_the_papers_gain(self):
        told = self.json("link", "--paper", "--bandwidth", "20MHz")
        rows = {(row["model"], row["reaches"]): row for row in told["rows"]}
        for (model, _), row in rows.items():
            # At equal perplexity; at 80 LASER's smallest power is enough already, and less might be.
            if model == "gpt2" and row["laser_power"] is not None:
                self.assertEqual(row["less_energy"], 16)
                self.assertAlmostEqual(row["fewer_symbols"], 296, 0)
                self.assertAlmostEqual(row["more_transmit_power"], 18.5, 1)
                self.assertAlmostEqual(row["decibels"], 12.7, 1)
        self.assertEqual([reaches for (model, reaches), row in rows.items() if row["less_energy"] is None], ["80", "88 %"])
        cifar = rows["resnet18", "90 %"]
        self.assertEqual(cifar["less_energy"], 16)
        self.assertAlmostEqual(cifar["fewer_symbols"], 136, 0)
        self.assertAlmostEqual(cifar["decibels"], 9.3, 1)
        summary = told["summary"]
        self.assertAlmostEqual(summary["gpt2_zsgd_air_seconds"] / 3600, 20.5, 1)
        self.assertAlmostEqual(summary["gpt2_laser_air_seconds"] / 60, 4.2, 1)
        for key, value in (("zsgd_least", -46), ("zsgd_largest", -11), ("laser_least", -25), ("laser_largest", 14)):
            self.assertLess(abs(summary[f"{key}_snr_db"] - value), 0.6, key)

    def test_a_recorded_run_has_a_price(self):
        run = self.folder / "run"
        self.train(*SHORT, "method=zsgd", "power=10", "epochs=2", "--quiet", "--out", run)
        records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        link = ["--distance", "2km", "--path-loss", "uma", "--bandwidth", "1MHz", "--utilisation", 1]
        told = self.json("link", "--run", run, "--target", f"{records[0]['ema_accuracy']},100", *link)
        first, never = told["rows"]
        self.assertEqual(first["rounds"], records[0]["round"])
        self.assertAlmostEqual(first["air_seconds"], records[0]["round"] * 7850 / 2 / 1e6, 9)
        energy = records[0]["round"] * sum(records[0]["energy"]) / len(records[0]["energy"])
        joules = energy * 1.380649e-23 * 290 * 10 ** 0.7 / 2 * 10 ** (told["path_loss_db"] / 10)
        self.assertAlmostEqual(first["joules"] / joules, 1, 9)
        self.assertAlmostEqual(10 ** (first["tx_dbm"] / 10) / 1e3 * first["air_seconds"] / joules, 1, 9)
        self.assertAlmostEqual(first["snr_db"], 10 * math.log10(energy / records[0]["round"] / 7850), 6)
        self.assertIsNone(never["rounds"])
        best = self.json("link", "--run", run, *link)
        self.assertEqual(best["rows"][0]["accuracy"], max(record["ema_accuracy"] for record in records))


class Runs(InFolder):
    def test_power_may_be_a_ratio(self):
        run = self.folder / "run"
        done = self.train(*SHORT, "method=zsgd", "snr_db=-20", "--out", run)
        self.assertRegex(done.stderr, r"(?m)^air +P = 78\.5, SNR = -20\.00 dB a symbol, 7850\.0 real symbols a round")
        config = (run / "config.toml").read_text()
        self.assertRegex(config, r"(?m)^power = 78\.5$")
        self.assertRegex(config, r'(?m)^snr_db = "-20"$')
        self.assertEqual(json.loads((run / "summary.json").read_text())["power"], 78.5)
        again = self.train(run / "config.toml", "--dry-run")
        self.assertEqual(again.stdout, config)
        self.expect(3, "power = 1 and snr_db = -20 are both given", "train", "method=zsgd", "power=1", "snr_db=-20")
        self.expect(2, "power and snr_db are both given", "tune", "laser", "mnist", "power=1", "snr_db=-20", "--dry-run")

    def test_a_report_of_ratios_has_them_for_columns(self):
        out = self.folder / "sweep"
        done = laser("sweep", *SHORT, "method=laser,zsgd", "snr_db=-30,-20", "--out", out, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        table = laser("report", out).stdout
        self.assertRegex(table, r"Method.*-30 dB.*-20 dB")
        costs = (out / "report" / "table.md").read_text()
        self.assertRegex(costs, r"SNR, dB")
        self.assertIn("-30.0 to -20.0", costs)
        self.assertEqual(len(re.findall("Best at this ratio", table)), 1)
        rows = json.loads((out / "report" / "summary.json").read_text())["rows"]
        self.assertEqual(sorted(round(row["snr_db"], 6) for row in rows), [-30, -30, -20, -20])

    def test_powers_may_be_in_decibels(self):
        told = self.train("power=10dB", "--dry-run").stdout
        self.assertRegex(told, r"(?m)^power = 10$")
        table = laser("theory", "split", "--m", 10, "--n", 784, "--power", "0dB:20dB:log:1,3dB").stdout
        self.assertEqual(len(table.splitlines()), 6)


class Channels(InFolder):
    def test_channels_at_equal_ratio(self):
        told = json.loads(laser("theory", "channels", "--json").stdout)
        rows = {row["channel"]: row for row in told["rows"]}
        known = re.findall(r"^\| `channel` \| (.*?) \|", (SOURCE / "docs" / "reference.md").read_text(), re.M)
        self.assertTrue(known)
        self.assertEqual(rows["noiseless"]["lambda"], 0)
        self.assertEqual(rows["csit"]["lambda"], "infinite")
        # k equal messages at 0 dB: D/(k^2 P).
        for name in ("awgn", "sum_power", "saturating"):
            self.assertAlmostEqual(rows[name]["lambda_equal"], 1 / 256, 12)
        mean, variance = math.pi / 4, 1 - math.pi / 4  # of |h|: the square of the mean, and the variance
        self.assertAlmostEqual(rows["stat"]["lambda_equal"] / (1 / 256 / mean + variance / mean / 16), 1, 1)
        self.assertLess(rows["csit_trunc"]["lambda"], rows["csit"]["worst_1_percent"])


if __name__ == "__main__":
    unittest.main()
