"""What a landmark is: topologies, features, and how MediaPipe finds them in an image."""
