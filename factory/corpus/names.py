"""The people of Tarn: given names and family names."""

WOMEN = """Mara Ilsa Tova Brenna Senna Orla Petra Linnea Yara Dessa Kaia Runa Elsbet Moira Tamsin Wenna Jorun Hedda
    Sigrid Astrid Anneke Brida Cerys Delia Edda Fenna Greta Hanne Ingrid Jessa Katla Lisbet Maren Nessa Oda Perla
    Rhona Saskia Thea Una Vesna Willa Ysolde Zelda Agna Berta Carla Dora Elin Freya Gerda Hilda Isolde Juna Kirsten
    Leta Mirel Nora Olga Pia Quilla Rosa Sunniva Tilda Ursa Vera Wilma Anya Bettina Corra Dagny Esme Flora Ginna
    Helka Iris Jana Kelda Lorna Mirja Nadia Oona Phoebe Roxa Selma Tessa Ulla Vigdis Winifred Ada Bianca Clara
    Daphne Ebba Fia Gudrun Hester Imke Josefa Kerra Lucia Morwen Neve Opal""".split()

MEN = """Edric Bram Torin Aldo Jory Kell Osric Piers Rurik Stellan Tomas Ulric Viggo Wystan Anders Birger Corin Dirk
    Emil Folke Garth Harald Ivo Jonas Kester Lars Magnus Nils Oskar Pelle Quentin Rolf Sven Tavi Ubbe Valter Willem
    Yorick Abel Bertil Caspar Doran Eskil Fabian Gunnar Hugo Isak Jarek Knut Leif Morten Nestor Orin Pascal Ragnar
    Soren Tobias Urban Viktor Wolfram Alaric Bennet Conrad Dunstan Evert Finn Gilbert Henrik Ingmar Jasper Kasimir
    Lorens Matthias Niklas Olaf Perrin Ruben Silas Thorne Ulf Vidar Walter Axel Brand Cormac Drustan Egon Fergus
    Gregor Hamish Ivar Julian Konrad Lukas Milo Noah Otto Pavel Reinhold Simon Tristan Vasil""".split()

FAMILIES = """Holt Varn Kestrin Ambry Dunmoor Askew Tolliver Brackwater Penrose Sallow Marrick Quill Thornby Wexley
    Corrigan Dalby Fenwick Garrow Hobday Ingram Jessop Kirkby Lomax Merrow Norcott Oakes Pargeter Quayle Rasker
    Sorrel Tremayne Underhill Vance Wickham Yarrow Zeller Abbot Barlow Crane Drummond Elstow Farrow Grange Hallam
    Irving Jarvis Kendal Larkin Mossman Nettle Orchard Pike Ridley Stroud Tarrant Usher Vickers Waldron Youle
    Ashdown Birch Carver Dray Eastman Fairley Goodwin Harker Ives Jolley Keane Lund Mallory Nash Osgood Pell
    Rook Sandler Tidewell Upton Voss Wren Yeats Archer Blythe Coker Dyce Ewart Foss Gale Hurst Ismay Joyce
    Knoll Leland Maddox Nye Odell Prior Renfrew Selkirk Tully Verity Webb""".split()
