"""What MLflow is told, and what is asked of it. The only room that talks to MLflow's client."""
