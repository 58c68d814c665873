"""Runs the tests of the chat page, or of the folder that the first argument is, all or those whose names hold one of the
other arguments; the totals come last."""

import pathlib
import sys
import time
import unittest


class Result(unittest.TextTestResult):
    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.started:.1f} s")


def main():
    own = pathlib.Path(__file__).resolve().parent
    is_elsewhere = len(sys.argv) > 1 and pathlib.Path(sys.argv[1]).is_dir()
    here = sys.argv.pop(1) if is_elsewhere else str(own)
    sys.path.insert(0, str(own.parents[3] / "web/driver"))
    loader = unittest.TestLoader()
    if sys.argv[1:]:
        loader.testNamePatterns = [f"*{name}*" for name in sys.argv[1:]]
    tests = loader.discover(here, pattern="*_test.py", top_level_dir=here)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(tests)
    n_failed = len({test.id() for test, _ in result.failures + result.errors})
    outcome = "ok" if result.wasSuccessful() else "FAILED"
    print(f"test result: {outcome}. {result.testsRun - n_failed} passed; {n_failed} failed; {len(result.skipped)} skipped", flush=True)
    return 0 if result.wasSuccessful() and result.testsRun > 0 and not result.skipped else 1


if __name__ == "__main__":
    sys.exit(main())
