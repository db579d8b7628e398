"""Records, decisions and releases written to MLflow. The only room that imports it.

Tasks leave records in the store (`runs/<run>/<task>.json`); one background process uploads them.
"""
