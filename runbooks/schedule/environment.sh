# What cron lacks: the settings of the service, exported (BASH_ENV of the crontab beside it).
set -a
. "${TOOLKIT_ENV:-/etc/toolkit.env}"
set +a
