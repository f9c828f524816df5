"""Tables of the lessons: words with their opposite, colour or group, and all of them with French words."""

# english=french/english=french, the two being opposites; adjectives in the masculine.
OPPOSITES = """hot=chaud/cold=froid;big=grand/small=petit;old=vieux/young=jeune;good=bon/bad=mauvais;happy=heureux/sad=triste;
    full=plein/empty=vide;clean=propre/dirty=sale;quiet=tranquille/noisy=bruyant;rich=riche/poor=pauvre;
    strong=fort/weak=faible;fast=rapide/slow=lent;high=haut/low=bas;long=long/short=court;wide=large/narrow=étroit;
    thick=épais/thin=mince;hard=dur/soft=mou;dry=sec/wet=mouillé;sweet=sucré/bitter=amer;beautiful=beau/ugly=laid;
    brave=courageux/cowardly=lâche;open=ouvert/closed=fermé;early=tôt/late=tard;near=près/far=loin;day=jour/night=nuit;
    north=nord/south=sud;east=est/west=ouest;left=gauche/right=droite;love=amour/hatred=haine;peace=paix/war=guerre;
    friend=ami/enemy=ennemi;life=vie/death=mort;first=premier/last=dernier;easy=facile/difficult=difficile;
    true=vrai/false=faux;polite=poli/rude=impoli;rare=rare/common=commun;rough=rugueux/smooth=lisse;
    safe=sûr/dangerous=dangereux;wise=sage/foolish=sot;heavy=lourd/light=léger;bright=clair/dark=sombre;
    inside=dedans/outside=dehors;above=dessus/below=dessous;before=avant/after=après;always=toujours/never=jamais;
    more=plus/less=moins;yes=oui/no=non;buy=acheter/sell=vendre;lose=perdre/find=trouver;laugh=rire/weep=pleurer;
    ask=demander/answer=répondre;give=donner/take=prendre;push=pousser/pull=tirer;live=vivre/die=mourir;
    come=venir/go=aller;arrive=arriver/leave=partir;build=construire/destroy=détruire;hide=cacher/show=montrer;
    begin=commencer/finish=finir;everything=tout/nothing=rien;cheap=bon marché/dear=cher;kind=gentil/cruel=cruel"""

# colour=french: what has it.
COLOURS = """white=blanc: snow milk salt chalk sugar flour swan frost daisy pearl rice cream;
    green=vert: grass moss fern lettuce cucumber pea nettle ivy clover reed cabbage mint;
    red=rouge: blood cherry strawberry tomato poppy raspberry ladybird ruby brick radish beetroot robin;
    blue=bleu: sky sea cornflower bluebell sapphire turquoise forget-me-not;
    yellow=jaune: sun lemon butter daffodil buttercup canary straw honey mustard corn;
    black=noir: coal raven crow ink soot tar blackbird pitch jackdaw;
    brown=brun: mud bread chestnut leather earth cinnamon wood bear otter biscuit;
    grey=gris: smoke slate stone donkey dust iron fog pebble seal"""

# group=french: what belongs to it.
GROUPS = """bird=oiseau: gull heron sparrow robin crow raven owl hawk eagle swan goose duck hen pigeon dove wren finch starling magpie puffin;
    fish=poisson: cod herring trout salmon eel carp tuna plaice haddock turbot sturgeon minnow halibut anchovy;
    insect=insecte: bee wasp ant beetle moth butterfly cricket grasshopper midge ladybird dragonfly hornet earwig gnat;
    tree=arbre: elm beech birch pine fir willow alder rowan maple poplar cedar yew sycamore hawthorn;
    flower=fleur: daisy poppy tulip violet primrose bluebell foxglove marigold daffodil snowdrop buttercup cornflower pansy peony;
    vegetable=légume: onion carrot turnip leek cabbage potato cucumber radish parsnip beetroot lettuce;
    tool=outil: hammer saw chisel axe spade shovel rake hoe sickle scythe wrench trowel mallet;
    garment=vêtement: coat cloak hat scarf glove mitten shirt skirt apron shawl jacket waistcoat tunic;
    building=bâtiment: house cottage inn barn church tower castle school library stable warehouse theatre hospital palace;
    drink=boisson: tea coffee milk cider ale beer wine mead cocoa lemonade;
    metal=métal: iron copper brass silver tin lead bronze pewter gold steel"""

DAYS = "Monday=lundi;Tuesday=mardi;Wednesday=mercredi;Thursday=jeudi;Friday=vendredi;Saturday=samedi;Sunday=dimanche"
MONTHS = """January=janvier;February=février;March=mars;April=avril;May=mai;June=juin;July=juillet;August=août;
    September=septembre;October=octobre;November=novembre;December=décembre"""
NUMBERS = """one=un;two=deux;three=trois;four=quatre;five=cinq;six=six;seven=sept;eight=huit;nine=neuf;ten=dix;eleven=onze;
    twelve=douze;thirteen=treize;fourteen=quatorze;fifteen=quinze;sixteen=seize;seventeen=dix-sept;eighteen=dix-huit;
    nineteen=dix-neuf;twenty=vingt"""

# Nouns of lexicon_french whose plural in either language this book leaves out.
NO_PLURAL = frozenset("square|apple tree|grandfather|grandmother|pine|king|queen|fisherman|postman".split("|"))
