# A login shell reads this file; what is in it stands where every shell reads it.
. ~/.bashrc
