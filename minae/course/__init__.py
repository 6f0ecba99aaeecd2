"""The course: workspaces, checks that tell the truth, hints, and grading."""
