"""The control component: decides who acts next, and when the board is done."""
