"""Finding the first of several causes, whatever a student's cells say."""

from byhand.grading.limits import MOST_CAUSES
from byhand.grading.run import NotebookRun


def run_with(errors):
    run = object.__new__(NotebookRun)
    run.errors = errors
    return run


def missing(name):
    return f"NameError: name '{name}' is not defined"


def test_the_first_cause_is_found_through_those_that_followed():
    run = run_with(
        {
            "import numpt as np\nstep = 1": "ModuleNotFoundError: No module named 'numpt'",
            "loss = step + np.e": missing("np"),
        }
    )
    assert run.cause(missing("loss")) == "ModuleNotFoundError: No module named 'numpt'"
    assert run.cause("ZeroDivisionError: division by zero") is None


def test_a_chain_of_causes_is_followed_no_further_than_somebody_would_read():
    run = run_with({f"n{k} = 1": missing(f"n{k + 1}") for k in range(3000)})
    assert run.cause(missing("n0")) == missing(f"n{MOST_CAUSES}")
