"""What a loader that runs on and on notes beside the numbers of its last load (`Health.counts`)."""

from typing import Final

EVERY: Final = "every"  # within how many seconds it looks at the folder again; 0 when asked alone
POLLS: Final = "polls"  # whether it looks at a folder that the system should watch
CONTESTED: Final = "contested"  # when it last found its load undone by that of another loader

LOOKS: Final = 60  # seconds in which a follower looks at the folder, at the latest
