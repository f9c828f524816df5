"""Bilingual tables: English words with French words that mean the same, gender and verb forms."""

# english = french, m or f; the French plural adds s (x after -au, -eau, -eu).
NOUNS = {
    "animal": """dog=chien m;cat=chat m;horse=cheval m;cow=vache f;goat=chèvre f;sheep=mouton m;pig=cochon m;fox=renard m;
        wolf=loup m;rabbit=lapin m;mouse=souris f;gull=mouette f;crow=corbeau m;owl=hibou m;swan=cygne m;goose=oie f;
        duck=canard m;hen=poule f;pigeon=pigeon m;swallow=hirondelle f;donkey=âne m;bear=ours m;deer=cerf m;squirrel=écureuil m;
        sparrow=moineau m;eagle=aigle m;seal=phoque m;lamb=agneau m;heron=héron m;stork=cigogne f""",
    "thing": """hammer=marteau m;saw=scie f;knife=couteau m;axe=hache f;ladder=échelle f;rope=corde f;needle=aiguille f;
        coat=manteau m;hat=chapeau m;shirt=chemise f;dress=robe f;boot=botte f;glove=gant m;scarf=écharpe f;belt=ceinture f;
        table=table f;chair=chaise f;mirror=miroir m;basket=panier m;box=boîte f;bottle=bouteille f;
        cup=tasse f;bag=sac m;letter=lettre f;book=livre m;map=carte f;newspaper=journal m;key=clé f;ring=bague f;candle=bougie f;
        lantern=lanterne f;clock=horloge f;flute=flûte f;drum=tambour m;harp=harpe f;fiddle=violon m;net=filet m;broom=balai m;
        spoon=cuillère f;shoe=chaussure f;jacket=veste f;bucket=seau m;boat=bateau m;cart=charrette f""",
    "food": """apple=pomme f;pear=poire f;plum=prune f;cherry=cerise f;peach=pêche f;lemon=citron m;onion=oignon m;
        carrot=carotte f;cabbage=chou m;potato=pomme_de_terre f;tomato=tomate f;soup=soupe f;cake=gâteau m;pie=tarte f;
        omelette=omelette f;salad=salade f;biscuit=biscuit m;melon=melon m;fig=figue f;mushroom=champignon m""",
    "building": """house=maison f;mill=moulin m;barn=grange f;church=église f;tower=tour f;castle=château m;school=école f;
        market=marché m;bakery=boulangerie f;inn=auberge f;library=bibliothèque f;stable=écurie f;theatre=théâtre m;
        hospital=hôpital m;workshop=atelier m;lighthouse=phare m;garden=jardin m;bridge=pont m;forest=forêt f;beach=plage f;
        river=rivière f;hill=colline f;field=champ m;island=île f;road=route f;square=place f;harbour=port m;kitchen=cuisine f""",
    "man": """baker=boulanger m;fisherman=pêcheur m;sailor=marin m;farmer=fermier m;teacher=professeur m;doctor=médecin m;
        judge=juge m;merchant=marchand m;gardener=jardinier m;soldier=soldat m;carpenter=charpentier m;tailor=tailleur m;
        cook=cuisinier m;hunter=chasseur m;shepherd=berger m;king=roi m;painter=peintre m;postman=facteur m;butcher=boucher m;
        clockmaker=horloger m;brother=frère m;father=père m;uncle=oncle m;grandfather=grand-père m;neighbour=voisin m;captain=capitaine m""",
    "woman": """queen=reine f;mother=mère f;sister=sœur f;aunt=tante f;grandmother=grand-mère f;nurse=infirmière f;
        singer=chanteuse f;girl=fille f;witch=sorcière f""",
    "flower": """oak=chêne m;pine=sapin m;birch=bouleau m;willow=saule m;rose=rose f;daisy=marguerite f;tulip=tulipe f;
        lily=lis m;poppy=coquelicot m;violet=violette f;fern=fougère f;apple_tree=pommier m;bush=buisson m""",
}

# english = masculine, feminine; those after the noun come first, then those before it.
ADJECTIVES = {
    "colour": "red=rouge,rouge;blue=bleu,bleue;green=vert,verte;yellow=jaune,jaune;black=noir,noire;white=blanc,blanche;grey=gris,grise;brown=brun,brune;pink=rose,rose;violet=violet,violette",
    "after": "heavy=lourd,lourde;light=léger,légère;round=rond,ronde;strange=étrange,étrange;rare=rare,rare;empty=vide,vide;clean=propre,propre;dirty=sale,sale;quiet=tranquille,tranquille;hungry=affamé,affamée;cold=froid,froide",
    "before": "big=grand,grande;small=petit,petite;beautiful=beau,belle;good=bon,bonne;pretty=joli,jolie;bad=mauvais,mauvaise;young=jeune,jeune",
    "feeling": "happy=heureux,heureuse;sad=triste,triste;afraid=effrayé,effrayée;angry=furieux,furieuse;surprised=surpris,surprise;tired=fatigué,fatiguée;proud=fier,fière;glad=content,contente;worried=inquiet,inquiète;jealous=jaloux,jalouse",
}

# english base = French present (il), past participle, imperfect (il), infinitive; all take avoir, and all take an object of the class.
VERBS = {
    "thing": "buy=achète/acheté/achetait/acheter;sell=vend/vendu/vendait/vendre;find=trouve/trouvé/trouvait/trouver;lose=perd/perdu/perdait/perdre;hide=cache/caché/cachait/cacher;bring=apporte/apporté/apportait/apporter;take=prend/pris/prenait/prendre;carry=porte/porté/portait/porter;see=voit/vu/voyait/voir;mend=répare/réparé/réparait/réparer;break=casse/cassé/cassait/casser;forget=oublie/oublié/oubliait/oublier;keep=garde/gardé/gardait/garder;draw=dessine/dessiné/dessinait/dessiner;clean=nettoie/nettoyé/nettoyait/nettoyer;show=montre/montré/montrait/montrer",
    "animal": "see=voit/vu/voyait/voir;hear=entend/entendu/entendait/entendre;follow=suit/suivi/suivait/suivre;feed=nourrit/nourri/nourrissait/nourrir;love=aime/aimé/aimait/aimer;find=trouve/trouvé/trouvait/trouver;watch=regarde/regardé/regardait/regarder;buy=achète/acheté/achetait/acheter;sell=vend/vendu/vendait/vendre;draw=dessine/dessiné/dessinait/dessiner;lose=perd/perdu/perdait/perdre;call=appelle/appelé/appelait/appeler;save=sauve/sauvé/sauvait/sauver",
    "food": "eat=mange/mangé/mangeait/manger;buy=achète/acheté/achetait/acheter;sell=vend/vendu/vendait/vendre;wash=lave/lavé/lavait/laver;taste=goûte/goûté/goûtait/goûter;cut=coupe/coupé/coupait/couper;steal=vole/volé/volait/voler;bring=apporte/apporté/apportait/apporter;prepare=prépare/préparé/préparait/préparer;share=partage/partagé/partageait/partager;choose=choisit/choisi/choisissait/choisir",
    "building": "see=voit/vu/voyait/voir;visit=visite/visité/visitait/visiter;leave=quitte/quitté/quittait/quitter;cross=traverse/traversé/traversait/traverser;find=trouve/trouvé/trouvait/trouver;look_for=cherche/cherché/cherchait/chercher;draw=dessine/dessiné/dessinait/dessiner;paint=peint/peint/peignait/peindre",
    "man": "see=voit/vu/voyait/voir;help=aide/aidé/aidait/aider;follow=suit/suivi/suivait/suivre;meet=rencontre/rencontré/rencontrait/rencontrer;thank=remercie/remercié/remerciait/remercier;call=appelle/appelé/appelait/appeler;love=aime/aimé/aimait/aimer;visit=visite/visité/visitait/visiter;greet=salue/salué/saluait/saluer;fear=craint/craint/craignait/craindre;thank=remercie/remercié/remerciait/remercier",
    "flower": "see=voit/vu/voyait/voir;plant=plante/planté/plantait/planter;cut=coupe/coupé/coupait/couper;water=arrose/arrosé/arrosait/arroser;draw=dessine/dessiné/dessinait/dessiner;love=aime/aimé/aimait/aimer;find=trouve/trouvé/trouvait/trouver;paint=peint/peint/peignait/peindre",
}

# english = french
TIMES = "in the morning=le matin;in the evening=le soir;every day=tous les jours;today=aujourd'hui;often=souvent;at night=la nuit;on {day}={day};in {month}=en {month};in winter=en hiver;in summer=en été;in autumn=en automne;in spring=au printemps;at noon=à midi;at midnight=à minuit;at five o'clock=à cinq heures;before dinner=avant le dîner;after the storm=après la tempête"
PLACES = "in {place}=dans {place};near {place}=près {ofplace};behind {place}=derrière {place};in front of {place}=devant {place};at {town}=à {town};in {town}=à {town};under the snow=sous la neige;under the rain=sous la pluie;by the sea=au bord de la mer"
WEATHER = "it is raining=il pleut=weather;it is snowing=il neige=weather;it is cold=il fait froid=;it is hot=il fait chaud=;the wind is strong=le vent est fort=weather;the night is dark=la nuit est noire=;the sun is shining=le soleil brille=weather;there is fog=il y a du brouillard=weather"
DAYS = "Monday=lundi;Tuesday=mardi;Wednesday=mercredi;Thursday=jeudi;Friday=vendredi;Saturday=samedi;Sunday=dimanche"
MONTHS = "January=janvier;February=février;March=mars;April=avril;May=mai;June=juin;July=juillet;August=août;September=septembre;October=octobre;November=novembre;December=décembre"
NUMBERS = "two=deux;three=trois;four=quatre;five=cinq;six=six;seven=sept;eight=huit;nine=neuf;ten=dix;twelve=douze;twenty=vingt;thirty=trente"
