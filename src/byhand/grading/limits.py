"""What a submission may use, bring along, say and leave behind: all limits of grading. Sizes in bytes, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a submission may use while it runs. `byhand grade --timeout` sets the first two."""

    cell: float = 30  # a cell
    total: float = 120  # all cells together
    memory: int = 2 << 30  # all its processes together
    disk: int = 256 << 20
    processes: int = 64  # threads too
    output: int = 4 << 20  # what a cell can show; more is left out


PATIENCE = 10  # times the processor time that something may take, on a busy machine

# What is handed in
LARGEST_NOTEBOOK = 20 << 20
LARGEST_READ = 200 << 20  # of a notebook that may get small enough without its outputs
READING_MEMORY, READING_SECONDS = 1 << 30, 20  # of processor time, for such a notebook
LARGEST_FILES = 50 << 20  # all other files together
MOST_FILES = 500
MOST_FOLDERS = 200
MOST_LOOKED_AT = 20_000  # files and folders, of whatever kind
LONGEST_NAME = 400  # with the folders
LONGEST_ID = 100
LARGEST_PICTURES = 1 << 20  # characters of base64, of all pictures in texts together
LONGEST_TEXT = 50_000  # characters of a cell of text

# The process
START = 120  # until it is ready, the warm parent included
GRACE = 2  # that an interrupted cell may take to end
ADDRESSES = 16 << 30  # that it may reserve beyond the memory that it may use: libraries, stacks, arenas
MOST_ERRORS, MOST_CAUSES = 100, 10  # of cells that failed, and of those that one failure is followed back through
MOST_ENDS = 3  # cells of the student's own that end Python, until those that follow are left out

# What it says
LARGEST_MESSAGE = 16 << 20
LARGEST_ARRAY = 16 << 20  # what an exercise asks for is a thousand times smaller
DEEPEST = 8  # lists in lists in lists
MOST_KEYS, MOST_ITEMS = 1000, 20_000  # of a dict; of a list
LONGEST_QUOTE = 2000  # characters of a text that a report may quote
LONGEST_WORD = 80  # characters of a type's name
SHORTEST_WORD = 8  # characters of a text in a list
LONGEST_WARNING = 300  # characters
TEXT, PICTURES = "text/plain", ("image/png", "image/jpeg")  # what a notebook keeps of what a cell shows
LARGEST_OUTPUT = 3 << 20  # a picture that a cell shows
EACH = 20  # that whatever is shown counts besides what it says
MOST_LINES = 200  # of a traceback
MOST_SHOWN = 20_000  # characters of a cell's printed text that the notebook keeps

# What is left of it
OUTPUT_BYTES, OUTPUTS = 2 << 20, 2000  # of all cells together, pictures as base64
ADDED_BYTES, ADDED_CELLS = 1 << 20, 3000  # what the student has added
ANSWER_BYTES = 100_000  # an answer
MOST_NOTES = 10  # files that are named because they were left out
MOST_MESSAGES = 5  # of what went wrong with the process
LONGEST_MESSAGE = 300  # characters
LONGEST_REMARK, MOST_REMARKS = 1000, 20  # characters of what is said of a submission, and how many remarks
LONGEST_HINT = 2000  # characters

# Its pages
PAGE = dict(seconds=10, memory=1 << 30)  # of processor time, to lay out the feedback
MOST_PARTS = 1000  # cells whose layout is kept for the next page
TEXT_MEMORY, TEXT_SECONDS = 1 << 30, 10  # of processor time, to lay out one text for the marker
