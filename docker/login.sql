-- A login whose password is changed behind the application's back: from then on the old one is refused with 18456.
-- sqlcmd puts the environment variables in. May be played again.
-- CHECK_POLICY is off because a lock-out would turn 18456 into 18486.
IF SUSER_ID(N'app') IS NULL
    CREATE LOGIN app WITH PASSWORD = N'$(APP_OLD_PASSWORD)', CHECK_POLICY = OFF;
ALTER LOGIN app WITH PASSWORD = N'$(APP_NEW_PASSWORD)';
