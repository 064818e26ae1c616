"""The lines of nbgrader between which lies what students do not get: the solution of an exercise, the hidden part of its test."""

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
