"""From a problem to a plan, its proof and its reasons (docs/planning.md).

grid/ ──────── the house on the step grid
alone/ ─────── one load that nothing ties to others, by certified dynamic programming
joint/ ─────── loads that something ties together
program/ ───── the plain mixed-integer program of all
explanation/ ─ why a plan is as it is
search.py ──── who is asked; solve.py ── from problem to plan; planner.py ── all that in a child process
"""
