mkdir d; echo cgep > 'd/cgep*f1'; echo cgep2 > d/cgepxf1
