# Perl's DBD::Sybase over FreeTDS' CT-Library: version and encryption come from freetds.conf.
use strict;
use warnings;

use DBI;
use JSON::PP;
use Time::HiRes qw(time);

my $started = time;
my $number;

sub select_one {
    my $dsn = "dbi:Sybase:server=closewait;database=$ENV{CLOSEWAIT_DATABASE};loginTimeout=3;timeout=3";
    my %options = (
        RaiseError => 1,
        PrintError => 0,
        # The first message of the server with a number and a severity that is an error's; 0 lets DBI handle it as well.
        syb_err_handler => sub {
            my ($error, $severity) = @_;
            $number = $error if !defined $number && $severity > 10 && $error > 0;
            return 1;
        },
    );
    my $connection = DBI->connect($dsn, $ENV{CLOSEWAIT_USER}, $ENV{CLOSEWAIT_PASSWORD}, \%options);
    my ($value) = $connection->selectrow_array('SELECT 1');
    $connection->disconnect;
    return $value;
}

my $value = eval { select_one() };
my $answer =
  defined $value
  ? { result => 'row', value => $value + 0 }
  : { result => 'error', number => $number, text => ($@ || 'no value'), kind => 'DBI' };
$answer->{seconds} = time - $started;
print JSON::PP->new->canonical->encode($answer), "\n";
