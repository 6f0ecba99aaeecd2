"""What a user does with minae beside training: pictures, cleaned images, anomalies, reports."""
