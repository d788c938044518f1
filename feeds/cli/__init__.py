"""The commands. Each module has a few; `main` finds and imports the one that is run.

Nothing imports from here. A command reads the settings, calls one function of
another room, and says what came of it: on stdout for what was asked for, on
stderr for what is wrong.
"""
