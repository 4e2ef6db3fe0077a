"""Tests of what deploys: the examples, and the function that they share."""
