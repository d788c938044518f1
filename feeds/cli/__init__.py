"""The commands. Each module has a few; `main` finds and imports the one that is run.

Nothing imports from here. A command reads the settings, calls one function of
another room, and reports: on stdout the result, on stderr what is wrong.
"""
