"""Exercises that check themselves: their widgets, checks, answers' cells and the grader."""
