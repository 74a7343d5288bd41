"""Why a plan is as it is: a reason for every block, the comfort that no plan could keep, what has changed."""
