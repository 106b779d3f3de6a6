"""Searches made of many analyses: sliding windows, and limits with retraining."""
