#!/bin/sh
# Run by the image of Postgres while its data is new: the role of the service, which is no superuser, and its database.
set -eu

psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'END'
\set password `cat /run/secrets/postgres_password`
create role tidings login password :'password';
create database tidings owner tidings template template0 encoding 'UTF8';
END
