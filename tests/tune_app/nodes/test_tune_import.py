"""Ray Tune is imported without what a search does not use, and all of it still works."""

import subprocess
import sys


def printed(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_was_spared_can_be_imported_as_ever():
    assert (
        printed(
            "import sys\n"
            "from tune_app.nodes.tune_import import import_tune\n"
            "import_tune('pandas', 'ray.data')\n"
            "print(*sys.modules.keys() & {'pandas', 'ray.data', 'ray.tune'})\n"
            "from ray.tune import progress_reporter\n"
            "import pandas, ray\n"
            "assert progress_reporter.pd.DataFrame is pandas.DataFrame\n"
            "assert progress_reporter.pd.isnull(float('nan'))\n"
            "assert ray.data.Dataset.__module__ == 'ray.data.dataset'"
        )
        == "ray.tune"
    )


def test_a_program_that_has_pandas_keeps_it():
    assert (
        printed(
            "import pandas\n"
            "from tune_app.nodes.tune_import import import_tune\n"
            "import_tune('pandas', 'ray.data')\n"
            "from ray.tune.analysis import experiment_analysis\n"
            "print(experiment_analysis.DataFrame is pandas.DataFrame)"
        )
        == "True"
    )
