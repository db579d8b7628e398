"""slmworks where Airflow shows its runs."""
