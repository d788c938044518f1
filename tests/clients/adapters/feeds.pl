# What XML::Feed and XML::FeedPP read of the documents named on the command line, as JSON.
use strict;
use warnings;
use JSON::PP;
use XML::Feed;
use XML::FeedPP;

sub list { my @found = grep { defined } map { ref eq 'ARRAY' ? @$_ : $_ } @_; return \@found }
sub moment { my $time = shift; return $time ? $time->epoch : undef }

sub by_feed {
    my $read = XML::Feed->parse(shift) or die XML::Feed->errstr;
    my @entries = map {
        my $entry = $_;
        {   title => $entry->title, link => $entry->link, id => $entry->id,
            published => moment($entry->issued), updated => moment($entry->modified),
            authors => "" . ($entry->author // ''), categories => list($entry->category),
            content => $entry->content->body, summary => $entry->summary->body };
    } $read->entries;
    return {
        'feed title' => $read->title, 'feed page' => $read->link, 'feed description' => $read->description,
        'feed language' => $read->language, entries => \@entries };
}

sub by_feedpp {
    my $read = XML::FeedPP->new(shift);
    my @entries = map {
        my $entry = $_;
        {   title => $entry->title, link => $entry->link, id => $entry->guid,
            published => $entry->pubDate, authors => eval { scalar $entry->author } // "$@",
            categories => list(scalar $entry->category), content => $entry->description };
    } $read->get_item;
    return {
        'feed title' => $read->title, 'feed page' => $read->link, 'feed description' => $read->description,
        'feed language' => $read->language, 'feed icon' => scalar $read->image, entries => \@entries };
}

my %answers;
for ([ 'XML::Feed', \&by_feed ], [ 'XML::FeedPP', \&by_feedpp ]) {
    my ($name, $read) = @$_;
    my %documents = map { $_ => eval { $read->($_) } // "$@" } @ARGV;
    $answers{$name} = { version => $name->VERSION, documents => \%documents };
}
print JSON::PP->new->ascii->encode(\%answers);
