"""The examples in the docstrings of the package, the lines after >>>, are run as they stand, and show what they print; the public
functions of the modules that a reader opens first have one."""

import doctest
import importlib
import inspect
import pkgutil
import unittest
import warnings

import jobs  # noqa: F401  (before torch: one thread)

import numpy
import torch

import laser

EXPLAINED = ("aggregation", "channels", "listing", "power", "testing")  # whose public functions all have an example


def modules():
    """Those of the package that need nothing beside torch and numpy, and have an example."""
    for found in pkgutil.walk_packages(laser.__path__, "laser."):
        source = importlib.util.find_spec(found.name).origin
        if source.endswith(".py") and ">>>" in open(source, encoding="utf-8").read():
            yield importlib.import_module(found.name)


class Doctests(unittest.TestCase):
    def test_examples_print_what_they_show(self):
        warnings.simplefilter("ignore")
        tried = {}
        for module in modules():
            for case in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs={"laser": laser, "torch": torch, "numpy": numpy}):
                told = []
                done = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(case, out=told.append)
                self.assertEqual(done.failed, 0, f"{case.name}: {''.join(told)}")
                tried[case.name] = done.attempted
        self.assertGreater(sum(tried.values()), 30, tried)

    def test_public_functions_have_an_example(self):
        for name in EXPLAINED:
            module = importlib.import_module(f"laser.{name}")
            for function_name, function in inspect.getmembers(module, inspect.isfunction):
                if not function_name.startswith("_") and function.__module__ == module.__name__:
                    self.assertIn(">>>", function.__doc__ or "", f"laser.{name}.{function_name}")

    def test_an_example_that_is_wrong_is_noticed(self):
        case = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
        self.assertEqual(doctest.DocTestRunner().run(case, out=lambda text: None).failed, 1)


if __name__ == "__main__":
    unittest.main()
