"""Rate limits: token buckets, in one process or shared by several through the database."""
